import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { baseEnvironment, programArguments } from '@rekey/testing';
import { startSystem, type System } from '../support/system.ts';
import { onTerminal, plain, type Answer } from '../support/terminal.ts';

/* `rekey` on a real terminal. */

let system: System;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rekey-terminal-'));
  system = await startSystem();
});
afterAll(async () => {
  await system.stop();
  await rm(folder, { recursive: true });
});

const rekey = (args: string[], answers: Answer[] = [], env: Record<string, string> = {}) =>
  onTerminal([process.execPath, ...programArguments('rekey'), ...args], {
    answers,
    cwd: folder,
    env: {
      ...baseEnvironment(),
      GRPC_ADDRESS: system.gateway.ready['address']!,
      XDG_CONFIG_HOME: join(folder, 'config'),
      ...env,
    },
  });

const ESCAPE = String.fromCharCode(27);
const COLORS = new RegExp(`${ESCAPE}\\[[\\d;]*m`);
describe('colors', () => {
  it('are those of states on a terminal, unless the user wants none', async () => {
    await system.rotateAndWait('ast_1');
    const [shown, colourless, byVariable] = await Promise.all([
      rekey(['list']),
      rekey(['list', '--no-color']),
      rekey(['list'], [], { NO_COLOR: '1' }),
    ]);
    expect(shown.screen).toContain('\u001b[1m\u001b[32mSUCCEEDED');
    expect(shown.screen).toContain('\u001b[1mID');
    for (const { screen } of [colourless, byVariable]) {
      expect(screen).not.toMatch(COLORS);
      expect(screen).toMatch(/ast_1 +SUCCEEDED/);
    }
    expect(plain(shown.screen).split('\n')[0]).toBe(plain(colourless.screen).split('\n')[0]);
  });
});

describe('a question', () => {
  const create = ['bulk', 'create', '--org', 'org_demo', '--all'];

  it('names the number before all keys of an org are replaced, and no is no', async () => {
    const { code, screen } = await rekey(create, [['[y/N]', 'n']]);
    expect([code, screen]).toEqual([
      1,
      expect.stringMatching(/ALL assistants of org_demo \(Rekey knows \d+ assistants?\)\?/),
    ]);
    expect(screen).toContain('Nothing was done. (NOT_CONFIRMED)');
    expect((await system.client.listBulkRotations()).bulkRotations).toEqual([]);
  });

  it('is answered with yes, or by nobody: the end of the input', async () => {
    const policy = ['policy', 'create', '--org', 'org_demo', '--every', '90d'];
    expect(await rekey(policy)).toMatchObject({ code: 0 });
    const again = await rekey(policy, [['[y/N]', '\u0004']]);
    expect([again.code, again.screen]).toEqual([1, expect.stringContaining('org_demo has a policy already')]);
    const [created] = await system.client.listRotationPolicies();
    const { id } = created!;
    const removed = await rekey(['policy', 'delete', id], [['[y/N]', 'y']]);
    expect([removed.code, removed.screen]).toEqual([0, expect.stringContaining(`${id} is deleted`)]);
    expect(await system.client.listRotationPolicies()).toEqual([]);
  });
});

describe('rekey login on a terminal', () => {
  it('asks, shows nothing of the token, checks with the gateway, and stores a private file', async () => {
    const gateway = system.gateway.ready['address']!;
    const token = 'rekey_typed-by-the-user';
    const { code, screen } = await rekey(
      ['login', 'work'],
      [
        ['HOST:PORT', gateway],
        ['(y or n)', 'n'],
        ['Token', token],
      ],
      { GRPC_ADDRESS: '' },
    );
    expect([code, plain(screen)]).toEqual([
      0,
      expect.stringContaining(`You are local at ${gateway}. The profile work is stored in`),
    ]);
    expect(screen).not.toContain('typed-by');
    const path = join(folder, 'config/rekey/profiles.json');
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(JSON.parse(await readFile(path, 'utf8'))).toEqual({
      current: 'work',
      profiles: { work: { gateway, token } },
    });
    const used = await rekey(['health'], [], { GRPC_ADDRESS: '' });
    expect([used.code, used.screen]).toEqual([0, expect.stringContaining('SERVING')]);
  });

  it('stores nothing if the gateway does not answer', async () => {
    const { code } = await rekey(
      ['login', 'none', '--gateway', '127.0.0.1:1'],
      [
        ['(y or n)', 'n'],
        ['Token', 'x'],
      ],
    );
    expect(code).toBe(2);
    expect(await readFile(join(folder, 'config/rekey/profiles.json'), 'utf8')).not.toContain('none');
  });
});
