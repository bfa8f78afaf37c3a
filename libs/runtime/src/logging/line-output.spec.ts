import { mkdtemp, readFile, rm, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { lineOf, startChild, type Child } from '@rekey/testing';

jest.setTimeout(60_000);

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rekey-output-'));
});
const children: Child[] = [];
afterEach(async () => {
  for (const child of children.splice(0)) await child.kill();
});
afterAll(() => rm(folder, { recursive: true }));

const runtime = (file: string) => new URL(`../${file}`, import.meta.url).href;
/** A process that runs `code` in place of an app. Apart from its log, it reports on standard error. */
const PREAMBLE = `
  import { z } from '${import.meta.resolve('zod')}';
  import { runProcess } from '${runtime('process/run-process.ts')}';
  import { commonVariables } from '${runtime('config/environment.ts')}';
  import { droppedLogLines } from '${runtime('logging/logger.ts')}';
  const report = (words) => process.stderr.write(JSON.stringify(words) + '\\n');
  const turn = () => new Promise(setImmediate);
  const run = (main) => runProcess('test', z.object(commonVariables), main);
`;
/** `shell` is how bash runs the process, which is "$@". */
const start = (code: string, shell = 'exec "$@"'): Child => {
  const child = startChild(
    'bash',
    [
      '-c',
      shell,
      'bash',
      process.execPath,
      '--conditions=@rekey/source',
      '--input-type=module',
      '-e',
      PREAMBLE + code,
    ],
    { cwd: folder },
  );
  children.push(child);
  return child;
};

const reportOf = (child: Child): Promise<any> => {
  let rest = '';
  return new Promise((resolve, reject) => {
    child.process.stderr?.on('data', (chunk: Buffer) => {
      rest += chunk.toString();
      if (rest.includes('\n')) resolve(JSON.parse(rest.slice(0, rest.indexOf('\n'))));
    });
    void child.exited.then(({ code, signal }) =>
      reject(new Error(`the process ended with ${signal ?? code}: ${rest}`)),
    );
  });
};

/**
 * Logs lines, with turns of the event loop between them, then reports how many were dropped and how much
 * memory the process uses. After that it waits for a signal.
 */
const LOGS = (lines: number) => `
  await run(async (config, logger, shutdown) => {
    const alive = setInterval(() => {}, 1000);
    shutdown.defer('alive', () => clearInterval(alive));
    for (let i = 0; i < ${lines}; i += 1) {
      logger.event('redis_available', { i, filling: 'x'.repeat(400) });
      if (i % 100 === 0) await turn();
    }
    process.on('SIGUSR2', () => {
      logger.event('redis_available', { i: ${lines} });
      report({ dropped: droppedLogLines() });
    });
    report({ dropped: droppedLogLines(), rss: process.memoryUsage().arrayBuffers });
  });
`;

describe('a log that cannot be written', () => {
  it.each([
    ['on a full device', 'exec "$@" > /dev/full'],
    ['whose reader has ended', 'exec "$@" > >(exec true)'],
    ['on a socket whose peer has closed', 'exec 5<> /dev/tcp/127.0.0.1/$PORT; exec "$@" >&5'],
  ])(
    'is dropped and counted; the process continues, and ends with 0 at SIGTERM: %s',
    async (_what, shell) => {
      const { createServer } = await import('node:net');
      const server = createServer((socket) => socket.resetAndDestroy()).listen(0, '127.0.0.1');
      await new Promise((resolve) => server.once('listening', resolve));
      const child = start(
        LOGS(2000),
        shell.replace('$PORT', String((server.address() as { port: number }).port)),
      );
      const { dropped } = await reportOf(child);
      expect(dropped).toBeGreaterThan(1000);
      expect(await child.stop(20_000)).toBe(0);
      server.close();
    },
  );

  it('does not keep a process from reporting a failed start and ending', async () => {
    const child = start(
      "await run(async () => { throw new Error('the reason'); });",
      'exec "$@" > /dev/full',
    );
    let err = '';
    child.process.stderr?.on('data', (chunk) => (err += chunk));
    expect(await child.exited).toEqual({ code: 1, signal: null });
    expect(err).toBe('test: could not start: the reason\n');
  });

  it('causes no loop when an uncaught error cannot be written either', async () => {
    const child = start(
      "await run(async () => { setInterval(() => { throw new Error('again'); }, 1); });",
      'exec "$@" > /dev/full 2>&1',
    );
    expect(await child.exited).toEqual({ code: 1, signal: null });
  });

  it('is written again when there is space, after a line that counts the dropped ones', async () => {
    // The files of this process may have 64 KiB.
    const child = start(LOGS(1000), 'ulimit -f 64; exec "$@" >> log');
    const { dropped } = await reportOf(child);
    expect(dropped).toBeGreaterThan(500);
    const log = join(folder, 'log');
    const before = (await readFile(log, 'utf8')).split('\n').slice(0, -1);
    await truncate(log);
    const news = reportOf(child);
    child.signal('SIGUSR2');
    expect(await news).toEqual({ dropped });
    const after = (await readFile(log, 'utf8'))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(after).toMatchObject([
      {
        level: 'warn',
        event: 'log_lines_dropped',
        dropped,
        msg: expect.stringContaining(`${dropped} log lines were dropped`),
      },
      { i: 1000 },
    ]);
    // A line that was cut off in the middle does not count.
    expect([before.length, before.length - 1]).toContain(1000 - dropped);
    expect(await child.stop(20_000)).toBe(0);
  });
});

describe('a log whose reader does not read', () => {
  const LINES = 40_000;

  it('is dropped beyond a limit; later lines are whole and in order, with the number dropped', async () => {
    const child = start(LOGS(LINES));
    const { dropped, rss } = await reportOf(child);
    expect(dropped).toBeGreaterThan(LINES / 2);
    expect(rss).toBeLessThan(20 * 1024 * 1024);
    const lines: any[] = [];
    let rest = '';
    const reported = lineOf(
      child,
      (line) => (line.includes('log_lines_dropped') ? line : undefined),
      'the report',
    );
    child.process.stdout?.on('data', (chunk: Buffer) => {
      const parts = (rest + chunk.toString()).split('\n');
      rest = parts.pop()!;
      for (const part of parts) lines.push(JSON.parse(part));
    });
    expect(JSON.parse(await reported)).toMatchObject({ level: 'warn', dropped });
    child.signal('SIGUSR2');
    await lineOf(child, (line) => (line.includes(`"i":${LINES},`) ? line : undefined), 'the next line');
    const numbers = lines.map(({ i }) => i).filter((i) => i !== undefined);
    // Some lines are accepted in between: this process reads ahead a little.
    expect(numbers).toHaveLength(LINES - dropped + 1);
    expect(numbers).toEqual([...new Set<number>(numbers)].toSorted((one, other) => one - other));
    expect(numbers.at(-1)).toBe(LINES);
    expect(await child.stop(20_000)).toBe(0);
  });

  it('does not delay the end of a process', async () => {
    const child = start(LOGS(LINES));
    await reportOf(child);
    child.signal('SIGTERM');
    expect(await child.exited).toEqual({ code: 0, signal: null });
  });
});
