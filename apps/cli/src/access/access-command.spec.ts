import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

const FILE = `
bindings:
  - principals: [spiffe://example.com/billing]
    role: rotator
    orgs: [org_1]
  - principals: ['group:https://idp.example.com#platform']
    role: operator
    orgs: ['*']
`;
let folder: string;
let file: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rekey-access-'));
  file = join(folder, 'access.yaml');
  await writeFile(file, FILE);
});
afterAll(() => rm(folder, { recursive: true }));

const main = new URL('../main.ts', import.meta.url).pathname;
const check = (...args: string[]): Promise<{ code: number; out: string; err: string }> =>
  new Promise((resolve) => {
    execFile(
      process.execPath,
      ['--conditions=@rekey/source', main, 'access', 'check', ...args],
      { env: { PATH: process.env['PATH'] } },
      (error, out, err) => resolve({ code: (error?.code as number | undefined) ?? 0, out, err }),
    );
  });

describe('rekey access check', () => {
  it('shows what a file says, and warns if nobody can freeze', async () => {
    const { code, out } = await check(file);
    expect(code).toBe(0);
    expect(out).toContain('rotator in org_1: uri:spiffe://example.com/billing');
    expect(out).toContain('warning: nobody is an admin of every org');
  });

  it('names every fault of a file, and ends with 1', async () => {
    const bad = join(folder, 'bad.yaml');
    await writeFile(bad, JSON.stringify({ bindings: [{ principals: ['me'], role: 'root', orgs: [''] }] }));
    const { code, err } = await check(bad);
    expect(code).toBe(1);
    for (const part of ['principals[1]', 'role: must be one of', 'orgs[1]: must not be empty'])
      expect(err).toContain(part);
    expect(await check(join(folder, 'none.yaml'))).toMatchObject({
      code: 1,
      err: expect.stringContaining('The file does not exist'),
    });
  });

  const billing = ['--as', 'spiffe://example.com/billing'];
  const anna = ['--as', 'jwt:https://idp.example.com#anna', '--as', 'group:https://idp.example.com#platform'];
  it.each<[string, string[], number, string]>([
    ['in an org of its own', [...billing, '--can', 'rotations.create', '--org', 'org_1'], 0, 'allowed'],
    ['in another', [...billing, '--can', 'rotations.create', '--org', 'org_2'], 1, 'not allowed'],
    ['in every org', [...billing, '--can', 'rotations.create'], 1, 'not allowed'],
    ['by a group', [...anna, '--can', 'policies.create'], 0, 'allowed'],
    ['nothing, unknown', ['--as', 'dns:nobody'], 0, 'may do nothing in every org'],
    ['what, of an org', [...billing, '--org', 'org_1'], 0, 'rotations.wait'],
  ])('says whether a caller may: %s', async (_, args, code, text) => {
    const { out, ...result } = await check(file, ...args);
    expect(result).toMatchObject({ code, err: '' });
    expect(out).toContain(text);
  });

  it.each<[string[], string]>([
    [['--as', 'me'], '--as must be a URI such as'],
    [['--can', 'rotations.create'], '--can and --org need --as'],
    [[...billing, '--can', 'everything'], "'everything' is invalid"],
  ])('refuses %j', async (args, text) => {
    const { code, err } = await check(file, ...args);
    expect(err).toContain(text);
    expect(code).toBe(1);
  });
});
