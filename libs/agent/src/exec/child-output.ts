import { spawn, type ChildProcess } from 'node:child_process';
import type { Logger } from '@rekey/runtime';
import type { Keys } from '@rekey/subscriber';
import { AgentError, whyOf } from '../agent-error.ts';
import type { AgentConfig } from '../config/agent-config.ts';
import { variableOf } from '../outputs/names.ts';
import type { Output, OutputCounts } from '../outputs/output.ts';
import { selected } from '../outputs/selection.ts';
import { createStage } from '../outputs/stage.ts';
import { childEnvironment } from '../process/child-environment.ts';

export interface Child extends Output {
  /** Forwards a signal. */
  signal(signal: NodeJS.Signals): void;
  /** Resolves when the program has ended by itself, with the exit code to pass on. */
  readonly ended: Promise<number>;
}

type Exec = NonNullable<AgentConfig['exec']>;

const ENDING: readonly NodeJS.Signals[] = ['SIGTERM', 'SIGINT', 'SIGQUIT', 'SIGHUP'];
const SIGNAL_BASE = 128;
/** Of a shell: the program was not found, or cannot be executed. */
const NOT_FOUND = 127;
const NOT_EXECUTABLE = 126;

/** Runs a program with keys in its environment, and restarts or signals it when they have changed. */
export const createChild = (
  command: readonly string[],
  exec: Exec,
  { debounce, debounce_max: debounceMax }: Pick<AgentConfig, 'debounce' | 'debounce_max'>,
  keys: Keys,
  logger: Logger,
  signalNumber: (signal: NodeJS.Signals) => number,
): Child => {
  const counts: OutputCounts = {
    writes: 0,
    writeFailures: 0,
    reloads: 0,
    reloadFailures: 0,
    writtenAtMs: undefined,
  };
  let running: ChildProcess | undefined;
  let isRestarting = false;
  let isEnding = false;
  let shown: string | undefined;
  let end!: (code: number) => void;
  const ended = new Promise<number>((resolve) => (end = resolve));

  const start = async (environment: Record<string, string>): Promise<void> => {
    const child = spawn(command[0]!, command.slice(1), {
      stdio: 'inherit',
      env: childEnvironment(environment),
    });
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', (error) => reject(cannotStart(error, end)));
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
    }, exec.kill_after);
    await exited;
    clearTimeout(late);
  };
  const apply = async (): Promise<void> => {
    const environment = await environmentOf(keys, exec);
    const next = JSON.stringify(environment);
    const isFirst = shown === undefined;
    if (next === shown) return;
    if (isFirst) await start(environment);
    else if (exec.on_change === 'restart') {
      logger.event('agent_child_restarting');
      isRestarting = true;
      await stop();
      isRestarting = false;
      if (isEnding) return;
      await start(environment);
    } else if (exec.on_change !== 'ignore') running?.kill(exec.on_change);
    shown = next;
    counts.writes += 1;
    counts.writtenAtMs = Date.now();
  };
  const stage = createStage({
    run: apply,
    quietMs: debounce,
    mostMs: debounceMax,
    whyOf,
    onFailure: (why) => logger.event('agent_output_failed', { output: 'exec', why }),
    onAttemptFailed: () => (counts.writeFailures += 1),
  });
  const ids = exec.assistants && new Set(exec.assistants);

  return {
    name: 'exec',
    changed: (assistantId) => {
      if (assistantId === undefined || !ids || ids.has(assistantId)) stage.request();
    },
    settled: stage.settled,
    failure: () => stage.failure,
    counts: () => counts,
    close: stage.close,
    signal: (signal) => {
      // A program that was told to end is not started again.
      isEnding ||= ENDING.includes(signal);
      running?.kill(signal);
    },
    ended,
  };
};

const environmentOf = async (keys: Keys, exec: Exec): Promise<Record<string, string>> => {
  const nameById = new Map(Object.entries(exec.names).map(([name, id]) => [id, name]));
  const environment: Record<string, string> = {};
  for await (const page of selected(keys, exec))
    for (const known of page)
      if (known.state === 'held' && !known.secretKey.includes('\0'))
        environment[nameById.get(known.assistantId) ?? variableOf(known.assistantId)] = known.secretKey;
  return environment;
};

const cannotStart = (error: NodeJS.ErrnoException, end: (code: number) => void): AgentError => {
  const { code = 'UNKNOWN' } = error;
  if (code === 'ENOENT') end(NOT_FOUND);
  else end(NOT_EXECUTABLE);
  const why = code === 'E2BIG' ? 'the keys are too large for an environment: name the assistants' : code;
  return new AgentError('CANNOT_START', `the program cannot be started (${why})`);
};
