import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  removeRunningStart,
  missingVariables,
  writeRunningStart,
  readRunningStart,
} from './running-start.ts';

let folder: string;
let path: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rekey-running-'));
  path = join(folder, 'running.json');
});
afterAll(() => rm(folder, { recursive: true }));

const running = {
  pid: process.pid,
  environment: { GRPC_ADDRESS: '127.0.0.1:1', REDIS_URL: 'redis://127.0.0.1:2' },
  withheld: ['INVENT_API_KEY'],
};

describe('the note of a running npm start', () => {
  it('is read while it runs, by its owner alone, and forgotten', async () => {
    await writeRunningStart(path, running);
    expect(await readRunningStart(path)).toEqual(running);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    await removeRunningStart(path);
    expect(await readRunningStart(path)).toBeUndefined();
  });

  it('does not count when its process is gone, or when it is damaged', async () => {
    await writeRunningStart(path, { ...running, pid: 2 ** 22 + 1 });
    expect(await readRunningStart(path)).toBeUndefined();
    await writeFile(path, '{"pid":');
    expect(await readRunningStart(path)).toBeUndefined();
  });

  it.each([
    ['nothing is set', {}, running.environment],
    ['one is set to the same', { REDIS_URL: 'redis://127.0.0.1:2' }, { GRPC_ADDRESS: '127.0.0.1:1' }],
    ['one is set to something else: another Rekey is meant', { REDIS_URL: 'redis://other:6379' }, {}],
    ['one is empty, as good as not set', { GRPC_ADDRESS: '' }, running.environment],
  ])('gives what an environment lacks: %s', (_when, env, lacking) => {
    expect(missingVariables(running, env)).toEqual(lacking);
  });
});
