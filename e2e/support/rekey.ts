import { baseEnvironment, type Child, programArguments, startChild } from '@rekey/testing';
import type { System } from './system.ts';

/** The output and exit code of `rekey`. */
export interface RekeyResult {
  code: number | null;
  out: string;
  err: string;
  /** Its standard output with --json, one object for each line. */
  json(): any[];
}

interface RunningRekey {
  readonly child: Child;
  /** Resolves when its standard output matches. Rejects if the process ends before. */
  untilOut(pattern: RegExp): Promise<void>;
  /** The same for its standard error. */
  untilErr(pattern: RegExp): Promise<void>;
  readonly result: Promise<RekeyResult>;
}

export interface RekeyOptions {
  env?: Record<string, string>;
  stdin?: string;
}

/** Runs `rekey` against a system, with its output going to pipes. */
export const startRekey = (
  system: Pick<System, 'redisServer' | 'gateway'>,
  args: string[],
  { env = {}, stdin }: RekeyOptions = {},
): RunningRekey => {
  const command = [process.execPath, ...programArguments('rekey'), ...args];
  const shell = ['bash', '-c', 'printf %b "$0" | "$@"', stdin ?? '', ...command];
  const [program, ...rest] = stdin === undefined ? command : shell;
  const child = startChild(program!, rest, {
    env: {
      ...baseEnvironment(),
      REDIS_URL: system.redisServer.url,
      GRPC_ADDRESS: system.gateway.ready['address'],
      ...env,
    },
  });
  let [out, err] = ['', ''];
  child.process.stdout?.on('data', (chunk) => (out += chunk));
  child.process.stderr?.on('data', (chunk) => (err += chunk));
  const closed = new Promise<void>((resolve) => void child.process.once('close', () => resolve()));
  const untilMatch = (stream: 'stdout' | 'stderr', text: () => string, pattern: RegExp): Promise<void> =>
    new Promise((resolve, reject) => {
      const check = () => {
        if (pattern.test(text())) resolve();
      };
      child.process[stream]?.on('data', check);
      check();
      void closed.then(() => reject(new Error(`rekey ended without ${pattern}: ${out}${err}`)));
    });
  return {
    child,
    untilOut: (pattern) => untilMatch('stdout', () => out, pattern),
    untilErr: (pattern) => untilMatch('stderr', () => err, pattern),
    result: Promise.all([child.exited, closed]).then(([{ code }]) => ({
      code,
      out,
      err,
      json: () =>
        out
          .trim()
          .split('\n')
          .map((line) => JSON.parse(line)),
    })),
  };
};
