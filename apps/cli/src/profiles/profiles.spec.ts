import { chmod, mkdir, mkdtemp, readFile, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { writeRunningStart } from '@rekey/runtime';
import { Command } from 'commander';
import { withGateway } from '../gateway-command.ts';
import { TLS_VARIABLES } from '../tls/tls-variables.ts';
import { profileCommand } from './profile-command.ts';
import type { Profiles } from './profile-schema.ts';
import { readProfiles, writeProfiles } from './profile-file.ts';
import { profilesPath } from './profiles-path.ts';
import { prepareEnvironment, takenFromStart } from './taken.ts';

const SECRET = 'rekey_secret-of-the-profile';
const env = process.env;
const before = { ...env };
const here = process.cwd();
const started = { pid: process.pid, withheld: [] };

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rekey-profiles-'));
  env['XDG_CONFIG_HOME'] = join(folder, 'config');
  for (const name of ['GRPC_ADDRESS', 'REDIS_URL', 'REKEY_PROFILE', ...Object.values(TLS_VARIABLES)])
    delete env[name];
  await mkdir(join(folder, 'project/below'), { recursive: true });
  process.chdir(join(folder, 'project/below'));
});
afterEach(async () => {
  process.chdir(here);
  for (const name of Object.keys(env)) if (!(name in before)) delete env[name];
  Object.assign(env, before);
  await rm(folder, { recursive: true });
});

const two = (current?: string): Profiles => ({
  ...(current !== undefined && { current }),
  profiles: {
    prod: { gateway: 'prod:1', tls: true, token: SECRET },
    test: { gateway: 'test:2', token_file: join(folder, 'test.token') },
  },
});

const rekey = async (...args: string[]) => {
  let out = '';
  const spy = jest.spyOn(process.stdout, 'write').mockImplementation((chunk) => {
    out += String(chunk);
    return true;
  });
  try {
    await new Command('rekey').addCommand(profileCommand()).parseAsync(args, { from: 'user' });
  } finally {
    spy.mockRestore();
  }
  return out;
};
const rows = (text: string) =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as object);

describe('the file of profiles', () => {
  it('is in the XDG folder, only its owner reads it, and it is replaced as a whole', async () => {
    await writeProfiles(two());
    await writeProfiles(two('prod'));
    const path = join(folder, 'config/rekey/profiles.json');
    expect(profilesPath()).toBe(path);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await readdir(join(folder, 'config/rekey'))).toEqual(['profiles.json']);
    expect(readProfiles()).toEqual(two('prod'));
  });

  it('may be a link, which stays one', async () => {
    await mkdir(join(folder, 'config/rekey'), { recursive: true });
    await writeFile(join(folder, 'dotfile'), JSON.stringify(two()), { mode: 0o600 });
    await symlink(join(folder, 'dotfile'), profilesPath());
    await writeProfiles(two('test'));
    expect(JSON.parse(await readFile(join(folder, 'dotfile'), 'utf8'))).toEqual(two('test'));
  });

  it.each([
    ['can be read by other users (mode 0644)', async () => chmod(profilesPath(), 0o644)],
    ['is not JSON', async () => writeFile(profilesPath(), `{${SECRET}`)],
    ['profiles: prod: gateway: must be HOST:PORT', async () => spoil({ gateway: 'http://x' })],
    ['profiles: prod: ', async () => spoil({ gateway: 'x:1', secret: SECRET })],
    ['is empty', async () => writeFile(profilesPath(), '')],
  ])('is refused, without a word of its content, if it %s', async (complaint, change) => {
    await writeProfiles(two());
    await change();
    let message = '';
    try {
      readProfiles();
    } catch (error) {
      ({ message } = error as Error);
    }
    expect(message).toContain(profilesPath());
    expect(message).toContain(complaint);
    expect(message).not.toContain(SECRET);
  });
  const spoil = (prod: object) => writeFile(profilesPath(), JSON.stringify({ profiles: { prod } }));

  it('keeps the old profiles if the new ones cannot be written', async () => {
    await writeProfiles(two());
    await mkdir(join(folder, 'config/rekey', `.profiles.${process.pid}.tmp`));
    await expect(writeProfiles(two('prod'))).rejects.toMatchObject({ reason: 'PROFILES_INVALID' });
    expect(readProfiles()).toEqual(two());
  });
});

describe('rekey profile', () => {
  it('lists profiles and shows one, and never the token', async () => {
    await writeProfiles(two('prod'));
    const shown = [await rekey('profile', 'list'), await rekey('profile', 'show'), await readAs('yaml')];
    for (const text of shown) expect(text).not.toContain(SECRET);
    expect(shown[0]).toMatch(/^prod +yes +prod:1 +yes +stored, not shown$/m);
    expect(shown[0]).toMatch(/^test +- +test:2 +no +\S+\/test.token$/m);
    expect(shown[1]).toMatch(/^token +stored, not shown$/m);
    expect(shown[2]).toContain('has_token: true');
  });
  const readAs = (format: string) => rekey('profile', 'list', '--output', format);

  it('uses another one, and none', async () => {
    await writeProfiles(two());
    await rekey('profile', 'use', 'test');
    expect(readProfiles()).toEqual(two('test'));
    expect(rows(await rekey('profile', 'show', '--json'))).toEqual([
      expect.objectContaining({ name: 'test', in_use: true, token_file: join(folder, 'test.token') }),
    ]);
    await rekey('profile', 'use', 'start');
    expect(readProfiles()).toEqual(two());
    for (const name of ['gone', 'toString', 'constructor'])
      await expect(rekey('profile', 'use', name)).rejects.toMatchObject({ reason: 'PROFILE_NOT_FOUND' });
  });

  it('removes one; without a terminal it needs --yes if the token would be lost', async () => {
    await writeProfiles(two('prod'));
    await expect(rekey('profile', 'remove', 'prod')).rejects.toMatchObject({ reason: 'NOT_CONFIRMED' });
    expect(readProfiles()).toEqual(two('prod'));
    await rekey('profile', 'remove', 'prod', '--yes');
    await rekey('profile', 'remove', 'test');
    expect(readProfiles()).toEqual({ profiles: {} });
  });

  it('lists the npm start that runs in a folder above as start', async () => {
    await mkdir(join(folder, 'project/.rekey'));
    const environment = { GRPC_ADDRESS: '127.0.0.1:7', REKEY_TOKEN_FILE: join(folder, 'token') };
    await writeRunningStart(join(folder, 'project/.rekey/running.json'), { ...started, environment });
    expect(rows(await rekey('profile', 'list', '--json'))).toEqual([
      expect.objectContaining({ name: 'start', in_use: true, gateway: '127.0.0.1:7' }),
    ]);
  });
});

describe('what a command takes', () => {
  const prepare = async (args: string[] = [], variables: Record<string, string> = {}) => {
    Object.assign(env, variables);
    await prepareEnvironment(env, ['list', ...args]);
    return env['GRPC_ADDRESS'];
  };
  const runStart = async () => {
    await mkdir(join(folder, 'project/.rekey'));
    const environment = { GRPC_ADDRESS: 'start:3', REDIS_URL: 'redis://start:4' };
    await writeRunningStart(join(folder, 'project/.rekey/running.json'), { ...started, environment });
  };

  it('an option, then variables, then the profile in use, then npm start', async () => {
    await runStart();
    await writeProfiles(two('prod'));
    expect(await prepare()).toBe('prod:1');
    expect([env['REKEY_TLS'], env['REDIS_URL']]).toEqual(['true', undefined]);
    expect(await prepare([], { GRPC_ADDRESS: 'variable:9' })).toBe('variable:9');
    delete env['GRPC_ADDRESS'];
    expect(await prepare([], { REKEY_PROFILE: 'test' })).toBe('test:2');
    expect(await prepare(['--profile', 'prod'], { GRPC_ADDRESS: 'variable:9' })).toBe('prod:1');
    expect(await prepare(['--profile=test', '--', '--profile', 'no'])).toBe('test:2');
    expect(await prepare(['--profile', 'start'])).toBe('start:3');
    expect(takenFromStart().names).toEqual(['GRPC_ADDRESS', 'REDIS_URL']);
  });

  it('the profile on the line that a shell completes', async () => {
    await writeProfiles(two('prod'));
    const complete = (line: string) =>
      prepareEnvironment(env, ['completion', 'values', 'org', '--line', line, '--', '']);
    await complete('rekey list --profile test --org ');
    expect(env['GRPC_ADDRESS']).toBe('test:2');
    delete env['GRPC_ADDRESS'];
    await complete('rekey get --profile te');
    expect(env['GRPC_ADDRESS']).toBe('prod:1');
  });

  it('an npm start, if no profile is in use', async () => {
    await runStart();
    await writeProfiles(two());
    expect(await prepare()).toBe('start:3');
  });

  it('nothing of a profile in use for another gateway', async () => {
    await writeProfiles(two('prod'));
    await prepare([], { GRPC_ADDRESS: 'other:1' });
    expect(env['REKEY_TLS']).toBeUndefined();
  });

  it.each([
    [['--profile', 'gone'], {}, /--profile names the profile gone, which is not in/],
    [['--profile', 'constructor'], {}, /--profile names the profile constructor, which is not in/],
    [[], { REKEY_PROFILE: 'gone' }, /REKEY_PROFILE names the profile gone/],
    [['--profile', 'start'], {}, /No npm start runs in this folder/],
    [[], { REKEY_PROFILE: 'test', GRPC_ADDRESS: 'x:1' }, /gateway is test:2, and GRPC_ADDRESS is another/],
  ])('%j %j is refused', async (args, variables, message) => {
    await writeProfiles(two());
    await expect(prepare(args, variables)).rejects.toThrow(message);
  });

  it('names the file and the profile if a file of it is gone', async () => {
    await writeProfiles(two('test'));
    await prepare();
    await expect(withGateway({ gateway: env['GRPC_ADDRESS']! }, async () => {})).rejects.toMatchObject({
      reason: 'PROFILE_FILE_MISSING',
      message: expect.stringMatching(/^The profile test names the file \S+test.token, which does not exist/),
    });
    // Another gateway gets no part of it.
    await withGateway({ gateway: 'other:1' }, async () => {});
  });

  it('warns of a token file that other users can read', async () => {
    await writeFile(join(folder, 'test.token'), SECRET, { mode: 0o600 });
    await chmod(join(folder, 'test.token'), 0o644);
    const spy = jest.spyOn(process.stderr, 'write').mockImplementation(() => true);
    await withGateway({ gateway: '127.0.0.1:1', tokenFile: join(folder, 'test.token') }, async () => {});
    const written = spy.mock.calls.map(([text]) => String(text)).join('');
    spy.mockRestore();
    expect(written).toMatch(/^warning: the token file \S+ can be read by other users \(mode 0644\)/);
    expect(written).not.toContain(SECRET);
  });
});
