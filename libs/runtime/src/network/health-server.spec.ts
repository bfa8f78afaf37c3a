import { fork, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';

interface Told {
  event: string;
  address?: string;
  err?: string;
  again_in_ms?: number;
}

const PROGRAM = fileURLToPath(new URL('health-process-fixture.ts', import.meta.url));
let folder: string;
let child: ChildProcess;
let told: Told[];
let address: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rekey-health-'));
});
afterEach(async () => {
  if (child.exitCode === null && child.signalCode === null) {
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
  await rm(folder, { recursive: true });
});

const start = async (listen = '127.0.0.1:0', limits: object = {}): Promise<void> => {
  child = fork(PROGRAM, [listen, JSON.stringify(limits)], { execArgv: ['--conditions=@rekey/source'] });
  told = [];
  child.on('message', (message) => told.push(message as Told));
  ({ address } = (await hears('ready')) as { address: string });
};
/** The first message with this event, which is then forgotten. */
const hears = async (event: string): Promise<Told> => {
  for (;;) {
    const at = told.findIndex((one) => one.event === event);
    if (at >= 0) return told.splice(at, 1)[0]!;
    const ended = once(child, 'exit').then(([code]) => {
      throw new Error(`the process ended with ${code} before ${event}`);
    });
    await Promise.race([once(child, 'message'), ended]);
  }
};
const command = async (name: string, argument = ''): Promise<void> => {
  child.send([name, argument]);
  await hears(name);
};
/** Blocks the event loop of the process until `free`. */
const block = async (): Promise<{ free(): Promise<void> }> => {
  const path = join(folder, 'free');
  child.send(['block', path]);
  await hears('blocking');
  return {
    free: async () => {
      await writeFile(path, '');
      await hears('block');
    },
  };
};
const get = async (path: string, method = 'GET'): Promise<[number, string]> => {
  const response = await fetch(`http://${address}${path}`, { method });
  return [response.status, await response.text()];
};
const until = async (path: string, wanted: number): Promise<string> => {
  for (;;) {
    const [status, text] = await get(path).catch((): [number, string] => [0, '']);
    if (status === wanted) return text;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
};
const NOT_SERVING = [503, 'NOT_SERVING\n'];
const SERVING = [200, 'SERVING\n'];
const ALIVE = [200, 'ALIVE\n'];

describe('the health server', () => {
  it('says what the process reports, and nothing good before', async () => {
    await start();
    expect([await get('/healthz'), await get('/livez')]).toEqual([NOT_SERVING, ALIVE]);
    await command('healthy');
    expect([await get('/healthz'), await get('/livez')]).toEqual([SERVING, ALIVE]);
    await command('unhealthy');
    expect([await get('/healthz'), await get('/livez')]).toEqual([NOT_SERVING, ALIVE]);
    expect(await get('/metrics')).toEqual([200, 'rendered 1\n']);
    expect(await get('/metrics')).toEqual([500, '']);
    expect(await get('/metrics')).toEqual([200, 'rendered 3\n']);
    expect([await get('/'), await get('/healthz', 'POST')]).toEqual([
      [404, ''],
      [404, ''],
    ]);
  });

  it('answers while the event loop of the process is blocked, and says so if that lasts', async () => {
    await start('127.0.0.1:0', { stuckAfterMs: 3000 });
    await command('healthy');
    const { free } = await block();
    expect(await get('/healthz')).toEqual(SERVING);
    const held = /^NOT_SERVING: the event loop of the process has been held up for [3-9] s\n$/;
    expect(await until('/healthz', 503)).toMatch(held);
    expect(await until('/livez', 503)).toMatch(held);
    await free();
    expect(await until('/healthz', 200)).toBe('SERVING\n');
  });

  it('does not say for long what was reported last', async () => {
    await start('127.0.0.1:0', { reportedWithinMs: 1000 });
    await command('healthy');
    await command('silent');
    const unknown = 'NOT_SERVING: whether Redis accepts writes is not known for 1 s\n';
    expect(await until('/healthz', 503)).toBe(unknown);
    expect(await get('/livez')).toEqual(ALIVE);
    await command('healthy');
    expect(await get('/healthz')).toEqual(SERVING);
  });

  it('blames nobody after the whole process was stopped, and does not say what it knew before', async () => {
    await start('127.0.0.1:0', { stuckAfterMs: 1500, reportedWithinMs: 500 });
    await command('healthy');
    await command('silent');
    for (let i = 0; i < 2; i += 1) {
      child.kill('SIGSTOP');
      // They are answered before the event loop runs again, or after.
      const alive = Promise.all([get('/livez'), get('/livez'), get('/livez')]);
      const healthy = Promise.all([get('/healthz'), get('/healthz')]);
      await sleep(2000);
      child.kill('SIGCONT');
      expect(await alive).toEqual([ALIVE, ALIVE, ALIVE]);
      for (const [status, why] of await healthy)
        expect([status, why]).toEqual([503, expect.stringMatching(/^NOT_SERVING: whether Redis accepts/)]);
    }
  });

  it('answers metrics when the event loop runs again, few at once, and gives up after a time', async () => {
    await start('127.0.0.1:0', { metricsAtOnce: 2, requestMs: 1500 });
    const { free } = await block();
    const late = [503, 'NOT_SERVING: the event loop of the process has not answered in 1.5 s\n'];
    const tooMany = [503, 'NOT_SERVING: too many requests of metrics\n'];
    const answers = await Promise.all([get('/metrics'), get('/metrics'), get('/metrics')]);
    expect(answers.toSorted()).toEqual([late, late, tooMany].toSorted());
    expect(await get('/metrics')).toEqual(tooMany);
    await free();
    // What was given up was rendered nevertheless.
    expect(await until('/metrics', 200)).toBe('rendered 3\n');
  });

  it('is replaced on the same port when its thread ends, and as long as the port is in use', async () => {
    await start();
    await command('healthy');
    await command('endThread');
    expect(await hears('health_server_failed')).toMatchObject({ again_in_ms: 1000 });
    const port = Number(address.split(':')[1]);
    const other = createServer().listen(port, '127.0.0.1');
    await once(other, 'listening');
    expect(await hears('health_server_failed')).toMatchObject({
      err: expect.stringContaining('EADDRINUSE'),
      again_in_ms: 2000,
    });
    other.close();
    await hears('health_server_restarted');
    expect(await get('/healthz')).toEqual(SERVING);
  });

  it('closes its port, drops its connections, and lets the process end', async () => {
    await start('[::1]:0');
    expect(address).toMatch(/^\[::1\]:\d+$/);
    await command('healthy');
    expect(await get('/healthz')).toEqual(SERVING);
    child.send(['close']);
    expect(await once(child, 'exit')).toEqual([0, null]);
    await expect(get('/healthz')).rejects.toThrow('fetch failed');
  });

  it('ends with its process, also one whose event loop is blocked', async () => {
    await start();
    await block();
    child.kill('SIGTERM');
    expect(await once(child, 'exit')).toEqual([null, 'SIGTERM']);
  });
});
