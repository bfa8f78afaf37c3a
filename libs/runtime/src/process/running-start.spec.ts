import { execFileSync, spawn } from 'node:child_process';
import { chmod, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { processIdentity } from './process-identity.ts';
import {
  removeRunningStart,
  missingVariables,
  writeRunningStart,
  readRunningStart,
  stillWithheld,
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

describe('the file of a running npm start', () => {
  it('is readable while npm start runs, only by its owner, and is removed', async () => {
    await writeRunningStart(path, running);
    expect(await readRunningStart(path)).toEqual(running);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    await removeRunningStart(path);
    expect(await readRunningStart(path)).toBeUndefined();
  });

  it('is ignored if its process has ended, or if it is damaged', async () => {
    await writeRunningStart(path, { ...running, pid: 2 ** 22 + 1 });
    expect(await readRunningStart(path)).toBeUndefined();
    await writeFile(path, '{"pid":');
    expect(await readRunningStart(path)).toBeUndefined();
  });

  it('is ignored if it is a pipe, whose other end can be another user', async () => {
    await rm(path, { force: true });
    execFileSync('mkfifo', ['-m', '600', path]);
    const text = JSON.stringify({ identity: processIdentity(process.pid), ...running });
    const writer = spawn('sh', ['-c', 'exec 3<>"$1"; printf %s "$2" >&3; exec sleep 20', 'sh', path, text]);
    expect(await readRunningStart(path)).toBeUndefined();
    writer.kill();
    await rm(path);
  });

  it('is ignored if another user could have written it', async () => {
    await writeRunningStart(path, running);
    await chmod(path, 0o622);
    expect(await readRunningStart(path)).toBeUndefined();
    await rm(path);
  });

  it.each([
    ['no variable is set', {}, running.environment],
    ['one is set to the same value', { REDIS_URL: 'redis://127.0.0.1:2' }, { GRPC_ADDRESS: '127.0.0.1:1' }],
    ['one is set to another value, for another Rekey', { REDIS_URL: 'redis://other:6379' }, {}],
    ['one is empty, which counts as unset', { GRPC_ADDRESS: '' }, running.environment],
    ['an alternative to one is set: another Rekey', { REDIS_URL_FILE: '/redis-url' }, {}],
    ['a withheld one is set', { INVENT_API_KEY: 'k' }, running.environment],
    ['another token is set, for another caller', { REKEY_TOKEN_FILE: '/t' }, running.environment],
  ])('supplies the variables that an environment lacks: %s', (_when, env, missing) => {
    expect(missingVariables(running, env)).toEqual(missing);
  });

  it('supplies no token if one is set', () => {
    const environment = { ...running.environment, REKEY_TOKEN_FILE: '/of-start' };
    expect(missingVariables({ ...running, environment }, { REKEY_TOKEN_FILE: '/own' })).toEqual(
      running.environment,
    );
  });

  it.each([
    [{}, ['REDIS_URL', 'INVENT_API_KEY']],
    [{ REDIS_URL: '' }, ['REDIS_URL', 'INVENT_API_KEY']],
    [{ REDIS_URL: 'redis://:p@h' }, ['INVENT_API_KEY']],
    [{ REDIS_URL_FILE: '/url', INVENT_API_KEY_FILE: '/key' }, []],
    [{ INVENT_API_KEYS_FILE: '/keys' }, ['REDIS_URL']],
  ])('lacks the withheld variables that have no value and no alternative: %j', (env, names) => {
    const withheld = ['REDIS_URL', 'INVENT_API_KEY'];
    expect(stillWithheld({ ...running, withheld }, env)).toEqual(names);
  });
});
