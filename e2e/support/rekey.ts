import { join } from 'node:path';
import { repositoryRoot, startChild, type Child } from '@rekey/testing';
import type { System } from './system.ts';

/** What `rekey` has written and how it ended. */
export interface RekeyResult {
  code: number | null;
  out: string;
  err: string;
  /** The lines of its standard output, of --json. */
  json(): any[];
}

export interface RunningRekey {
  readonly child: Child;
  /** Resolves when its standard output matches; rejects when it ends before. */
  says(pattern: RegExp): Promise<void>;
  /** The same of its standard error. */
  warns(pattern: RegExp): Promise<void>;
  readonly result: Promise<RekeyResult>;
}

export interface RekeyOptions {
  env?: Record<string, string>;
  stdin?: string;
}

/** Starts the command line against a system, as somebody would at a shell whose output is not a terminal. */
export const startRekey = (
  system: Pick<System, 'redisServer' | 'gateway'>,
  args: string[],
  { env = {}, stdin }: RekeyOptions = {},
): RunningRekey => {
  const command = [
    process.execPath,
    '--conditions=@rekey/source',
    join(repositoryRoot, 'apps/cli/src/main.ts'),
    ...args,
  ];
  const shell = ['bash', '-c', 'printf %b "$0" | "$@"', stdin ?? '', ...command];
  const [program, ...rest] = stdin === undefined ? command : shell;
  const child = startChild(program!, rest, {
    env: {
      PATH: process.env['PATH'],
      REDIS_URL: system.redisServer.url,
      GRPC_ADDRESS: system.gateway.ready['address'],
      ...env,
    },
  });
  let [out, err] = ['', ''];
  child.process.stdout?.on('data', (chunk) => (out += chunk));
  child.process.stderr?.on('data', (chunk) => (err += chunk));
  const closed = new Promise<void>((resolve) => void child.process.once('close', () => resolve()));
  /** Also where it is there already. */
  const untilThere = (stream: 'stdout' | 'stderr', text: () => string, pattern: RegExp): Promise<void> =>
    new Promise((resolve, reject) => {
      const look = () => {
        if (pattern.test(text())) resolve();
      };
      child.process[stream]?.on('data', look);
      look();
      void closed.then(() => reject(new Error(`it ended without ${pattern}: ${out}${err}`)));
    });
  return {
    child,
    says: (pattern) => untilThere('stdout', () => out, pattern),
    warns: (pattern) => untilThere('stderr', () => err, pattern),
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
