import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { freePort, startChild } from '@rekey/testing';
import { FULL_DISK, endsWithin, openUnreadPipe, servesWithin, startWithLog } from './unwritable-log.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rekey-log-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

const node = (script: string): [string, ...string[]] => [process.execPath, '-e', script];
const ENOSPC = 28;

describe('a log on a full disk', () => {
  it.each([1, 2])('fails each write to descriptor %i with ENOSPC', async (descriptor) => {
    const child = startWithLog(
      FULL_DISK,
      node(
        `try { require('fs').writeSync(${descriptor}, 'x') } catch (error) { process.exit(-error.errno) }`,
      ),
      process.env,
    );
    expect(await child.exited).toEqual({ code: ENOSPC, signal: null });
  });
});

describe('a log that no process reads', () => {
  it('accepts no line until it is read', async () => {
    const pipe = await openUnreadPipe(join(folder, 'pipe'));
    const child = startWithLog(pipe.path, node("require('fs').writeSync(1, 'first line')"), process.env);
    const before = pipe.read();
    expect([before.length >= 4096, before.includes('first')]).toEqual([true, false]);
    expect(await child.exited).toEqual({ code: 0, signal: null });
    expect(pipe.read()).toBe('first line');
    pipe.close();
  });

  it('blocks a process that writes to it, and the process can still be killed', async () => {
    const pipe = await openUnreadPipe(join(folder, 'other'));
    const port = await freePort();
    const server = `require('http')
      .createServer((_, response) => response.end())
      .listen(process.env.PORT, () => require('fs').writeSync(1, 'listening'))`;
    const child = startWithLog(pipe.path, node(server), { ...process.env, PORT: String(port) });
    expect(await servesWithin(`http://127.0.0.1:${port}/`, 1000)).toBe(false);
    pipe.read();
    expect(await servesWithin(`http://127.0.0.1:${port}/`, 30_000)).toBe(true);
    await child.kill();
    pipe.close();
  });
});

describe('endsWithin', () => {
  const started = async (script: string) => {
    const child = startChild(process.execPath, [
      '-e',
      `${script}; setInterval(() => {}, 1000); console.log('ready')`,
    ]);
    await new Promise<void>((resolve) => child.process.stdout!.once('data', () => resolve()));
    return child;
  };

  it('is true for a process that ends on SIGTERM, whatever its exit code', async () => {
    expect(await endsWithin(await started("process.on('SIGTERM', () => process.exit(1))"), 30_000)).toBe(
      true,
    );
  });

  it('is false for a process that does not end, and kills it', async () => {
    const child = await started("process.on('SIGTERM', () => {})");
    expect(await endsWithin(child, 100)).toBe(false);
    expect(await child.exited).toEqual({ code: null, signal: 'SIGKILL' });
  });
});
