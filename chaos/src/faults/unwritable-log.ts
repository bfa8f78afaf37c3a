import { execFile } from 'node:child_process';
import { closeSync, constants, openSync, readSync, writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { startChild, type Child } from '@rekey/testing';

const run = promisify(execFile);
const PIECE = Buffer.alloc(4096, '\n');

/** Every write to this device fails with ENOSPC. */
export const FULL_DISK = '/dev/full';

interface UnreadPipe {
  readonly path: string;
  /** Returns the bytes in the pipe. Bytes that a blocked write still holds are not among them. */
  read(): string;
  close(): void;
}

/** Makes a pipe that is full and that no process reads: a blocking write to it does not return. */
export const openUnreadPipe = async (path: string): Promise<UnreadPipe> => {
  await run('mkfifo', [path]);
  // O_RDWR opens both ends: the pipe then has a reader, which does not read.
  const end = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
  for (const piece of [PIECE, PIECE.subarray(0, 1)]) while (accepts(end, piece)) continue;
  return {
    path,
    read: () => {
      const piece = Buffer.alloc(1 << 20);
      return piece.toString('utf8', 0, readSync(end, piece));
    },
    close: () => closeSync(end),
  };
};

const accepts = (end: number, piece: Buffer): boolean => {
  try {
    return writeSync(end, piece) > 0;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return false;
    throw error;
  }
};

/** Starts a process whose standard output and standard error go to a file, a device or a pipe. */
export const startWithLog = (
  path: string,
  [command, ...args]: [string, ...string[]],
  env: NodeJS.ProcessEnv,
): Child =>
  startChild('sh', ['-c', 'exec "$0" "$@" >"$LOG_TO" 2>&1', command, ...args], {
    env: { ...env, LOG_TO: path },
    ownGroup: true,
  });

/** Whether a process answers 200 at a URL within `withinMs`. */
export const servesWithin = async (url: string, withinMs: number): Promise<boolean> => {
  const untilMs = performance.now() + withinMs;
  for (;;) {
    const leftMs = Math.max(1, untilMs - performance.now());
    const ok = await fetch(url, { signal: AbortSignal.timeout(Math.ceil(leftMs)) }).then(
      (response) => response.ok,
      () => false,
    );
    if (ok || performance.now() >= untilMs) return ok;
    await sleep(Math.min(100, leftMs));
  }
};

/** Sends SIGTERM. Resolves with whether the process ends within `withinMs`; kills it if it does not. */
export const endsWithin = async (child: Child, withinMs: number): Promise<boolean> => {
  const timer = setTimeout(() => child.signal('SIGKILL'), withinMs);
  child.signal('SIGTERM');
  const { signal } = await child.exited;
  clearTimeout(timer);
  return signal !== 'SIGKILL';
};
