import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { freePort, launchApp, lineOf, repositoryRoot, startChild, type Child } from '@rekey/testing';
import { API_KEY, eventually, startSystem, type System } from '../support/system.ts';

/* SIGUSR1 makes Node open a debugger, through which the memory of a process can be read. */

let system: System;
beforeAll(async () => {
  system = await startSystem();
  await system.rotateAndWait('ast_1');
});
afterAll(() => system.stop());

/** How long Node takes at most to open the debugger. */
const OPENS_WITHIN_MS = 1000;

const source = (app: string, ...args: string[]): string[] => [
  '--conditions=@rekey/source',
  join(repositoryRoot, `apps/${app}/src/main.ts`),
  ...args,
];
const environment = (port: number) => ({ ...system.environment, NODE_OPTIONS: `--inspect-port=${port}` });

/** Starts Node, and waits for a line that matches. */
const started = async (args: string[], port: number, ready: RegExp): Promise<Child> => {
  const env = { PATH: process.env['PATH'], SIMULATOR_API_KEY: API_KEY, ...environment(port) };
  const child = startChild(process.execPath, args, { env });
  await lineOf(child, (line) => (ready.test(line) ? line : undefined), args.join(' '));
  return child;
};

/** Whether a debugger of Node answers there; another process may have taken the port. */
const isDebugger = (port: number): Promise<boolean> =>
  fetch(`http://127.0.0.1:${port}/json/version`)
    .then((answer) => answer.json())
    .then(
      (version) => String((version as { Browser?: unknown } | null)?.Browser).startsWith('node.js/'),
      () => false,
    );

/** Whether the signal has Node open the debugger; the process must survive it. */
const opensDebugger = async (child: Child, port: number): Promise<boolean> => {
  child.signal('SIGUSR1');
  for (let waitedMs = 0; waitedMs < OPENS_WITHIN_MS; waitedMs += 50) {
    await sleep(50);
    if (await isDebugger(port)) return true;
  }
  expect([child.process.exitCode, child.process.signalCode]).toEqual([null, null]);
  return false;
};

describe('SIGUSR1', () => {
  it('opens a debugger of any other Node', async () => {
    const port = await freePort();
    const args = ['-e', 'console.log("ready"); setInterval(() => {}, 1000)'];
    const child = await started(args, port, /ready/);
    child.signal('SIGUSR1');
    const opened = await eventually(
      () => isDebugger(port),
      (opens) => opens,
    );
    expect(opened).toBe(true);
    await child.kill();
  });

  it.each(['gateway', 'worker', 'simulator'] as const)(
    'opens none of a %s that npm start or a test starts',
    async (app) => {
      const port = await freePort();
      const args = app === 'simulator' ? ['--port', '0', '--admin-port', '0'] : [];
      const env = { ...environment(port), SIMULATOR_API_KEY: API_KEY };
      const { child } = await launchApp(app, { args, env });
      expect(child.process.spawnargs).toContain('--disable-sigusr1');
      expect(await opensDebugger(child, port)).toBe(false);
      await child.kill();
    },
    30_000,
  );

  it.each([
    ['gateway', source('gateway'), /"msg":"ready"/],
    ['worker', source('worker'), /"msg":"ready"/],
    ['simulator', source('simulator', '--port', '0', '--admin-port', '0'), /"msg":"ready"/],
    ['rekey', source('cli', 'events', '--from', 'start'), /seq 1 /],
  ])(
    'opens none of a %s that is started without an option',
    async (_app, args, ready) => {
      const port = await freePort();
      const child = await started(args, port, ready);
      expect(await opensDebugger(child, port)).toBe(false);
      await child.kill();
    },
    30_000,
  );
});
