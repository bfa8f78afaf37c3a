import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { constants } from 'node:os';
import { afterEach, describe, expect, it } from '@jest/globals';
import { begin, closeAll, temporaryFolder, until } from '../agent-fixture.ts';
import { createFakeKeys } from '../keys-fixture.ts';
import { silentLogger } from '@rekey/runtime';
import type { Keys } from '@rekey/subscriber';
import { createChild, type Child } from './child-output.ts';

const children: Child[] = [];
afterEach(async () => {
  for (const child of children.splice(0)) {
    child.signal('SIGKILL');
    await child.close();
  }
  await closeAll();
});

const childOf = (command: string[], exec: object, keys: Keys, debounce = 50): Child => {
  const child = createChild(
    command,
    { names: {}, environment: true, on_change: 'restart', kill_after: 10_000, ...exec },
    { debounce, debounce_max: 60_000 },
    keys,
    silentLogger,
    (signal) => constants.signals[signal],
  );
  children.push(child);
  return child;
};
const run = async (command: string[], exec: object = {}, debounce = 50) => {
  const keys = createFakeKeys();
  keys.publish('ast_1', 'sk_1');
  let child!: Child;
  await begin(undefined, {
    keys,
    more: (held) => (child = childOf(command, exec, held, debounce)),
  });
  return { keys, child };
};
const log = async () => join(await temporaryFolder(), 'log');
const linesOf = async (path: string) =>
  (await readFile(path, 'utf8').catch(() => '')).split('\n').filter((line) => line !== '');
const FOREVER = 'while :; do sleep 0.05; done';

describe('the program of rekey agent exec', () => {
  it('has the keys in its environment, and its exit code is passed on', async () => {
    const path = await log();
    const { child } = await run(['sh', '-c', 'echo "$REKEY_KEY_ast_1 $BILLING" > "$1"; exit 7', 'sh', path], {
      names: { BILLING: 'ast_2' },
    });
    expect(await child.ended).toBe(7);
    expect(await linesOf(path)).toEqual(['sk_1 ']);
  });

  it('is restarted when a key has changed, before that is acknowledged', async () => {
    const path = await log();
    const { keys } = await run(
      ['sh', '-c', `echo "$REKEY_KEY_ast_1 $REKEY_KEY_ast_2" >> "$1"; ${FOREVER}`, 'sh', path],
      {
        assistants: ['ast_1', 'ast_2'],
      },
    );
    await until(async () => (await linesOf(path)).length === 1, 'the program');
    keys.publish('ast_3', 'sk_3');
    keys.publish('ast_1', 'sk_1b');
    keys.publish('ast_2', 'sk_2');
    await until(() => keys.acknowledged === keys.seq, 'an acknowledgement');
    await until(async () => (await linesOf(path)).length === 2, 'the program again');
    expect(await linesOf(path)).toEqual(['sk_1 ', 'sk_1b sk_2']);
  });

  const trapping = (path: string) => [
    'sh',
    '-c',
    `trap 'echo got >> "$1"' HUP; echo "up $REKEY_KEY_ast_1" >> "$1"; ${FOREVER}`,
    'sh',
    path,
  ];

  it.each([
    ['SIGHUP', ['up sk_1', 'got']],
    ['ignore', ['up sk_1']],
  ])('that keeps running with the earlier keys: they are not acknowledged (%s)', async (onChange, lines) => {
    const path = await log();
    const { keys, child } = await run(trapping(path), { on_change: onChange });
    await until(() => keys.acknowledged === 1, 'the program');
    keys.publish('ast_1', 'sk_1b');
    await until(() => keys.lastFailure?.includes('earlier keys in its environment') === true, 'a failure');
    await until(async () => (await linesOf(path)).length === lines.length, 'the signal');
    // The agent tries again: a signal is sent once for a key.
    await until(() => child.counts().writeFailures > 1, 'another attempt');
    expect(await linesOf(path)).toEqual(lines);
    expect(keys.acknowledged).toBe(1);
  });

  it('has no keys in its environment if it asks the agent: then a signal is all that it needs', async () => {
    const path = await log();
    const { keys } = await run(trapping(path), { on_change: 'SIGHUP', environment: false });
    await until(() => keys.acknowledged === 1, 'the program');
    await until(async () => (await linesOf(path)).length === 1, 'the program');
    keys.publish('ast_1', 'sk_1b');
    await until(() => keys.acknowledged === 2, 'an acknowledgement');
    await until(async () => (await linesOf(path)).length === 2, 'the signal');
    expect(await linesOf(path)).toEqual(['up ', 'got']);
  });

  it('does not start, and nothing is acknowledged, with a key that no environment can hold', async () => {
    const keys = createFakeKeys();
    keys.publish('ast_1', 'sk\0_1');
    await begin(undefined, { keys, more: (held) => childOf(['true'], {}, held) });
    await until(() => keys.lastFailure?.includes('NUL character') === true, 'a failure');
    expect(keys.acknowledged).toBe(0);
  });

  it('that ignores SIGTERM is killed, and then started again', async () => {
    const path = await log();
    const { keys } = await run(
      ['sh', '-c', `trap '' TERM; echo $REKEY_KEY_ast_1 >> "$1"; ${FOREVER}`, 'sh', path],
      {
        kill_after: 100,
      },
    );
    await until(async () => (await linesOf(path)).length === 1, 'the program');
    keys.publish('ast_1', 'sk_1b');
    await until(async () => (await linesOf(path)).length === 2, 'the program again');
    expect(await linesOf(path)).toEqual(['sk_1', 'sk_1b']);
  });

  it('gets signals of the agent, and is not started again after SIGTERM', async () => {
    const path = await log();
    const { keys, child } = await run([
      'sh',
      '-c',
      `trap 'sleep 0.2; exit 9' TERM; echo up >> "$1"; ${FOREVER}`,
      'sh',
      path,
    ]);
    await until(async () => (await linesOf(path)).length === 1, 'the program');
    keys.publish('ast_1', 'sk_1b');
    child.signal('SIGTERM');
    expect(await child.ended).toBe(9);
    const killed = await run(['sh', '-c', FOREVER]);
    await until(() => killed.keys.acknowledged > 0, 'the program');
    killed.child.signal('SIGKILL');
    expect(await killed.child.ended).toBe(128 + 9);
  });

  it('that was told to end may take longer than kill_after: the next keys are not acknowledged', async () => {
    const path = await log();
    const { keys, child } = await run(
      ['sh', '-c', `trap 'sleep 1; exit 9' TERM; echo up >> "$1"; ${FOREVER}`, 'sh', path],
      { kill_after: 100 },
    );
    await until(() => keys.acknowledged === 1, 'the program');
    await until(async () => (await linesOf(path)).length === 1, 'the program');
    child.signal('SIGTERM');
    keys.publish('ast_1', 'sk_1b');
    await until(() => keys.lastFailure?.includes('not started again') === true, 'a failure');
    expect(await child.ended).toBe(9);
    expect(keys.acknowledged).toBe(1);
  });

  it('that reloads at SIGHUP is started again with the next keys', async () => {
    const path = await log();
    const { keys, child } = await run(trapping(path));
    await until(async () => (await linesOf(path)).length === 1, 'the program');
    child.signal('SIGHUP');
    await until(async () => (await linesOf(path)).length === 2, 'the signal');
    keys.publish('ast_1', 'sk_1b');
    await until(async () => (await linesOf(path)).length === 3, 'the program again');
    expect(await linesOf(path)).toEqual(['up sk_1', 'got', 'up sk_1b']);
  });

  it('starts at once, whatever debounce is', async () => {
    const { child } = await run(['true'], {}, 60_000);
    expect(await child.ended).toBe(0);
  });

  it('is not started after a signal that came first, nor after its end', async () => {
    const path = await log();
    const early = await run(['sh', '-c', 'echo up >> "$1"', 'sh', path]);
    early.child.signal('SIGTERM');
    expect(await early.child.ended).toBe(128 + 15);
    const late = await run(['true']);
    expect(await late.child.ended).toBe(0);
    late.keys.publish('ast_1', 'sk_1b');
    await until(() => late.keys.lastFailure?.includes('not started again') === true, 'a failure');
    expect([late.keys.seq, late.keys.acknowledged]).toEqual([2, 1]);
    expect(await linesOf(path)).toEqual([]);
  });

  it('ends the agent if the keys are too large for an environment', async () => {
    const keys = createFakeKeys();
    keys.publish('ast_1', 'x'.repeat(3 * 1024 * 1024));
    const child = childOf(['true'], {}, keys);
    child.changed();
    await expect(child.settled()).rejects.toThrow('too large for an environment');
    expect(await child.ended).toBe(126);
  });

  it('that does not exist ends the agent with 127', async () => {
    const { child } = await run(['/nonexistent/program']);
    expect(await child.ended).toBe(127);
  });
});
