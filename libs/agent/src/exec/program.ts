import { spawn, type ChildProcess } from 'node:child_process';
import type { Logger } from '@rekey/runtime';
import { AgentError } from '../agent-error.ts';
import { childEnvironment } from '../process/child-environment.ts';

/** A program that the agent starts, and starts again. */
interface Program {
  /** Rejects if it was told to end, or has ended. */
  start(environment: Record<string, string>): Promise<void>;
  /** Ends it, and starts it again. Rejects, and leaves it alone, if it was told to end. */
  restart(environment: Record<string, string>): Promise<void>;
  signal(signal: NodeJS.Signals): void;
  /** Resolves when it has ended by itself, with the exit code to pass on. */
  readonly ended: Promise<number>;
}

const ENDING: readonly NodeJS.Signals[] = ['SIGTERM', 'SIGINT', 'SIGQUIT', 'SIGHUP'];
const SIGNAL_BASE = 128;
/** Of a shell: the program was not found, or cannot be executed. */
const NOT_FOUND = 127;
const NOT_EXECUTABLE = 126;

export const createProgram = (
  command: readonly string[],
  killAfterMs: number,
  logger: Logger,
  signalNumber: (signal: NodeJS.Signals) => number,
): Program => {
  let running: ChildProcess | undefined;
  let isRestarting = false;
  /** It is not started again: it was told to end, or has ended. */
  let isEnding = false;
  let resolveEnded!: (code: number) => void;
  const ended = new Promise<number>((resolve) => (resolveEnded = resolve));
  const end = (code: number): void => {
    isEnding = true;
    resolveEnded(code);
  };

  const start = async (environment: Record<string, string>): Promise<void> => {
    if (isEnding) throw isOver();
    const child = await spawned(command, environment).catch((error: NodeJS.ErrnoException) => {
      throw cannotStart(error, end);
    });
    running = child;
    child.once('exit', (code, signal) => {
      running = undefined;
      if (!isRestarting || isEnding) end(code ?? SIGNAL_BASE + signalNumber(signal!));
    });
    logger.event('agent_child_started', { pid: child.pid });
  };
  const stop = async (): Promise<void> => {
    const child = running;
    if (!child) return;
    const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.kill('SIGTERM');
    const late = setTimeout(() => {
      logger.event('agent_child_killed', { pid: child.pid });
      child.kill('SIGKILL');
    }, killAfterMs);
    await exited;
    clearTimeout(late);
  };

  return {
    start,
    restart: async (environment) => {
      // It may take its time to end, and gets no newer keys.
      if (isEnding) throw isOver();
      isRestarting = true;
      await stop();
      isRestarting = false;
      await start(environment);
    },
    signal: (signal) => {
      // A program may reload at SIGHUP. If it ends, it is not started again either.
      const mayReload = signal === 'SIGHUP' && running !== undefined && !isRestarting;
      isEnding ||= ENDING.includes(signal) && !mayReload;
      if (running) running.kill(signal);
      // Between two runs, or before the first one.
      else if (isEnding) end(SIGNAL_BASE + signalNumber(signal));
    },
    ended,
  };
};

/** Some errors of `spawn` are thrown, such as that of a too large environment. */
const spawned = async (
  [program, ...args]: readonly string[],
  environment: Record<string, string>,
): Promise<ChildProcess> => {
  const child = spawn(program!, args, { stdio: 'inherit', env: childEnvironment(environment) });
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', reject);
  });
  return child;
};

/** What keeps an acknowledgement from saying that a program has the keys. */
const isOver = (): AgentError => new AgentError('PROGRAM_ENDS', 'the program ends: it is not started again');

const cannotStart = (error: NodeJS.ErrnoException, end: (code: number) => void): AgentError => {
  const { code = 'UNKNOWN' } = error;
  if (code === 'ENOENT') end(NOT_FOUND);
  else end(NOT_EXECUTABLE);
  const why = code === 'E2BIG' ? 'the keys are too large for an environment: name the assistants' : code;
  return new AgentError('CANNOT_START', `the program cannot be started (${why})`);
};
