import { appendFile, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { openKeptWorld } from './kept-world.ts';
import { createWorld, type World } from './world.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rekey-world-'));
});
afterAll(() => rm(folder, { recursive: true }));

const open = (path: string): World =>
  createWorld({ orgId: 'org_demo', apiKey: 'k', subOrgs: 0, assistants: 5, kept: openKeptWorld(path) });
const keysOf = (world: World) => ['ast_1', 'ast_2', 'ast_3'].map((id) => world.find(id)?.secretKey);

describe('a kept world', () => {
  it('has the same keys after a restart, changed ones included', async () => {
    const path = join(folder, 'world.jsonl');
    const before = open(path);
    before.rotate('ast_2', 'request');
    before.rotate('ast_2', 'hand');
    before.setKey('ast_3', null);
    const after = open(path);
    expect(keysOf(after)).toEqual(keysOf(before));
    expect(after.find('ast_2')).toEqual(before.find('ast_2'));
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  it('never makes the same key twice', () => {
    const path = join(folder, 'again.jsonl');
    const keys = Array.from({ length: 3 }, () => open(path).rotate('ast_1', 'request')?.secretKey);
    expect(new Set(keys).size).toBe(3);
  });

  it('ignores an incomplete line, and keeps one line per assistant', async () => {
    const path = join(folder, 'half.jsonl');
    const before = open(path);
    for (let i = 0; i < 5; i += 1) before.rotate('ast_1', 'request');
    await appendFile(path, '{"id":"ast_1","sta');
    expect(keysOf(open(path))).toEqual(keysOf(before));
    expect((await readFile(path, 'utf8')).trim().split('\n')).toHaveLength(2);
  });

  it('rejects a file of another kind, and names the line', async () => {
    const path = join(folder, 'other.jsonl');
    await writeFile(path, '{"seed":"s"}\n{"keys":[]}\n');
    expect(() => open(path)).toThrow('is not a file of the simulator (line 2)');
  });
});
