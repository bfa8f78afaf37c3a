import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';

/** A child process: killed when its parent exits, but not when a signal kills the parent. */
export interface Child {
  readonly pid: number;
  /** Resolves once the process has ended. */
  readonly exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  readonly process: ChildProcess;
  signal(signal: NodeJS.Signals): void;
  /** SIGTERM, then SIGKILL after the deadline; resolves with the exit code. */
  stop(deadlineMs?: number): Promise<number | null>;
  kill(): Promise<void>;
}

const living = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of living) child.kill('SIGKILL');
});

export const startChild = (
  command: string,
  args: string[],
  options: { env?: NodeJS.ProcessEnv; cwd?: string; ownGroup?: boolean } = {},
): Child => {
  const child = spawn(command, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: options.env ?? process.env,
    detached: options.ownGroup ?? false,
    ...(options.cwd !== undefined && { cwd: options.cwd }),
  });
  living.add(child);
  const exited = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) => {
    child.once('error', () => resolve({ code: 127, signal: null }));
    child.once('exit', (code, signal) => resolve({ code, signal }));
  }).finally(() => living.delete(child));

  const signal = (name: NodeJS.Signals) => {
    child.kill(name);
  };
  return {
    pid: child.pid ?? -1,
    exited,
    process: child,
    signal,
    stop: async (deadlineMs = 15_000) => {
      signal('SIGTERM');
      const deadline = setTimeout(() => signal('SIGKILL'), deadlineMs);
      const { code } = await exited;
      clearTimeout(deadline);
      return code;
    },
    kill: async () => {
      signal('SIGKILL');
      await exited;
    },
  };
};

/** Resolves with everything that a child has written, once it has ended. Call it right after the start. */
export const resultOf = async (child: Child): Promise<{ code: number | null; out: string; err: string }> => {
  let [out, err] = ['', ''];
  child.process.stdout?.on('data', (chunk) => (out += chunk));
  child.process.stderr?.on('data', (chunk) => (err += chunk));
  // The last lines may arrive after `exited` resolves.
  const closed = new Promise<void>((resolve) => void child.process.once('close', () => resolve()));
  const { code } = await child.exited;
  await closed;
  return { code, out, err };
};

/**
 * Resolves with the result of `pick` for the first line of the child's standard output for which that is not
 * undefined. Rejects if the child ends before.
 */
export const lineOf = <T>(
  child: Child,
  pick: (line: string) => T | undefined,
  what: string,
  timeoutMs = 60_000,
): Promise<T> =>
  new Promise((resolve, reject) => {
    let rest = '';
    let errors = '';
    const settle = (act: () => void) => {
      clearTimeout(timer);
      child.process.stdout?.off('data', onOutput);
      child.process.stderr?.off('data', onError);
      act();
    };
    const fail = (why: string) => settle(() => reject(new Error(`${what}: ${why}\n${errors.slice(-4000)}`)));
    const timer = setTimeout(() => fail(`no such line within ${timeoutMs} ms`), timeoutMs);
    const onOutput = (chunk: Buffer) => {
      rest += chunk.toString('utf8');
      const lines = rest.split('\n');
      rest = lines.pop()!;
      for (const line of lines) {
        const picked = pick(line);
        if (picked !== undefined) return settle(() => resolve(picked));
        errors += `${line}\n`;
      }
    };
    child.process.stdout?.on('data', onOutput);
    const onError = (chunk: Buffer) => {
      errors += chunk.toString('utf8');
    };
    child.process.stderr?.on('data', onError);
    // The last lines may arrive after `exited` resolves.
    void child.exited.then(async ({ code, signal }) => {
      const open = [child.process.stdout, child.process.stderr].filter((stream) => stream?.readable);
      await Promise.all(open.map((stream) => once(stream!, 'close').catch(() => {})));
      fail(`ended with ${signal ?? code}`);
    });
  });
