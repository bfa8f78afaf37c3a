import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { baseEnvironment, programArguments } from '@rekey/testing';
import { startSystem, type System } from '../support/system.ts';

/* `rekey` on a real terminal: a pseudo-terminal that `script` of util-linux makes. */

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

const quoted = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`;

/**
 * Runs `rekey` on a terminal, and types each answer when its question is shown. `screen` is everything that
 * the terminal shows, echoes included.
 */
const onTerminal = async (
  args: string[],
  answers: [question: string, answer: string][] = [],
  env: Record<string, string> = {},
): Promise<{ code: number | null; screen: string }> => {
  const command = [process.execPath, ...programArguments('rekey'), ...args];
  const child = spawn('script', ['-qefc', command.map(quoted).join(' '), '/dev/null'], {
    cwd: folder,
    stdio: ['pipe', 'pipe', 'inherit'],
    env: {
      ...baseEnvironment(),
      TERM: 'xterm-256color',
      GRPC_ADDRESS: system.gateway.ready['address']!,
      XDG_CONFIG_HOME: join(folder, 'config'),
      ...env,
    },
  });
  let screen = '';
  let waiting = [...answers];
  let seen = 0;
  child.stdout.on('data', (chunk) => {
    screen += String(chunk);
    const [next] = waiting;
    const at = next ? screen.indexOf(next[0], seen) : -1;
    if (at === -1) return;
    seen = at + next![0].length;
    waiting = waiting.slice(1);
    child.stdin.write(`${next![1]}\r`);
  });
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, screen };
};

const ESCAPE = String.fromCharCode(27);
const COLORS = new RegExp(`${ESCAPE}\\[[\\d;]*m`);
const SEQUENCES = new RegExp(`${ESCAPE}\\[[\\d;?]*[A-Za-z]`, 'g');
const without = (screen: string): string => screen.replaceAll(SEQUENCES, '').replaceAll('\r', '');

describe('colors', () => {
  it('are those of states on a terminal, unless the user wants none', async () => {
    await system.rotateAndWait('ast_1');
    const [shown, plain, byVariable] = await Promise.all([
      onTerminal(['list']),
      onTerminal(['list', '--no-color']),
      onTerminal(['list'], [], { NO_COLOR: '1' }),
    ]);
    expect(shown.screen).toContain('\u001b[1m\u001b[32mSUCCEEDED');
    expect(shown.screen).toContain('\u001b[1mID');
    for (const { screen } of [plain, byVariable]) {
      expect(screen).not.toMatch(COLORS);
      expect(screen).toMatch(/ast_1 +SUCCEEDED/);
    }
    expect(without(shown.screen).split('\n')[0]).toBe(without(plain.screen).split('\n')[0]);
  });
});

describe('a question', () => {
  const create = ['bulk', 'create', '--org', 'org_demo', '--all'];

  it('names the number before all keys of an org are replaced, and no is no', async () => {
    const { code, screen } = await onTerminal(create, [['[y/N]', 'n']]);
    expect([code, screen]).toEqual([
      1,
      expect.stringMatching(/ALL assistants of org_demo \(Rekey knows \d+ assistants?\)\?/),
    ]);
    expect(screen).toContain('Nothing was done. (NOT_CONFIRMED)');
    expect((await system.client.listBulkRotations()).bulkRotations).toEqual([]);
  });

  it('is answered with yes, or by nobody: the end of the input', async () => {
    const policy = ['policy', 'create', '--org', 'org_demo', '--every', '90d'];
    expect(await onTerminal(policy)).toMatchObject({ code: 0 });
    const again = await onTerminal(policy, [['[y/N]', '\u0004']]);
    expect([again.code, again.screen]).toEqual([1, expect.stringContaining('org_demo has a policy already')]);
    const [created] = await system.client.listRotationPolicies();
    const { id } = created!;
    const removed = await onTerminal(['policy', 'delete', id], [['[y/N]', 'y']]);
    expect([removed.code, removed.screen]).toEqual([0, expect.stringContaining(`${id} is deleted`)]);
    expect(await system.client.listRotationPolicies()).toEqual([]);
  });
});

describe('rekey login on a terminal', () => {
  it('asks, shows nothing of the token, checks with the gateway, and stores a private file', async () => {
    const gateway = system.gateway.ready['address']!;
    const token = 'rekey_typed-by-the-user';
    const { code, screen } = await onTerminal(
      ['login', 'work'],
      [
        ['HOST:PORT', gateway],
        ['(y or n)', 'n'],
        ['Token', token],
      ],
      { GRPC_ADDRESS: '' },
    );
    expect([code, without(screen)]).toEqual([
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
    const used = await onTerminal(['health'], [], { GRPC_ADDRESS: '' });
    expect([used.code, used.screen]).toEqual([0, expect.stringContaining('SERVING')]);
  });

  it('stores nothing if the gateway does not answer', async () => {
    const { code } = await onTerminal(
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
