import { constants } from 'node:os';
import { createLogger, flushLog, onStopSignal, type Logger } from '@rekey/runtime';
import type { Keys } from '@rekey/subscriber';
import { startAgent, type Agent } from './agent.ts';
import type { AgentConfig } from './config/agent-config.ts';
import { createChild, type Child } from './exec/child-output.ts';
import { returnMemory } from './process/return-memory.ts';

/** Ends the process at the latest so long after the first signal. */
const SHUTDOWN_WITHIN_MS = 30_000;
const EXIT_FAILED = 1;
const EXIT_AWAY = 2;
const EXIT_STALE = 3;
const SIGNAL_BASE = 128;

const FORWARDED = ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2', 'SIGWINCH'] as const;

/** What a first signal to stop does: a start is aborted, and the process ends in time. */
const stoppable = (logger: Logger): { aborted: AbortSignal; stopped: Promise<NodeJS.Signals> } => {
  const aborting = new AbortController();
  let stop!: (signal: NodeJS.Signals) => void;
  const stopped = new Promise<NodeJS.Signals>((resolve) => (stop = resolve));
  onStopSignal(
    (signal) => {
      logger.event('shutting_down', { signal });
      stop(signal);
      aborting.abort();
      setTimeout(() => exitLate(logger), SHUTDOWN_WITHIN_MS).unref();
    },
    () => process.exit(EXIT_FAILED),
  );
  return { aborted: aborting.signal, stopped };
};

/** Runs the agent until a signal ends it. Resolves with the exit code. Rejects if it cannot start. */
export const runAgent = async (config: AgentConfig, env: NodeJS.ProcessEnv): Promise<number> => {
  const logger = openLog(config, 1);
  const { aborted, stopped } = stoppable(logger);
  let agent: Agent;
  try {
    agent = await startAgent(config, { logger, env, signal: aborted });
  } catch (error) {
    if (aborted.aborted) return 0;
    throw error;
  }
  const { keys, addresses } = agent;
  returnMemory();
  logger.event('ready', { addresses, keys: keys.size, consumer: config.consumer });
  await stopped;
  await agent.close();
  return 0;
};

/**
 * Writes the files, runs their commands, and ends. Resolves with the exit code: 0 if they show the keys of
 * now, 2 if Rekey cannot be reached, 3 if they show older keys of the cache, and 128 and the number of a
 * signal that came first. Rejects if an output fails.
 */
export const runAgentOnce = async (config: AgentConfig, env: NodeJS.ProcessEnv): Promise<number> => {
  const logger = openLog(config, 1);
  const { aborted, stopped } = stoppable(logger);
  const interrupted = stopped.then((signal) => SIGNAL_BASE + signalNumber(signal));
  const { http: _http, ...quiet } = config;
  let agent: Agent;
  try {
    const deps = { logger, env, signal: aborted };
    agent = await startAgent({ ...quiet, http: undefined, debounce: 0 }, deps);
  } catch (error) {
    if (aborted.aborted) return interrupted;
    throw error;
  }
  try {
    return await Promise.race([writtenOnce(agent, config), interrupted]);
  } finally {
    await agent.close();
  }
};

const writtenOnce = async (
  agent: Agent,
  { ready_timeout: readyTimeout, max_staleness: maxStaleness = -1 }: AgentConfig,
): Promise<number> => {
  const isFresh = await freshWithin(agent.keys, readyTimeout);
  await agent.settled();
  return isFresh || agent.keys.freshness().behindMs <= maxStaleness ? 0 : EXIT_STALE;
};

const freshWithin = (keys: Keys, ms: number): Promise<boolean> => {
  if (!keys.freshness().restored) return Promise.resolve(true);
  return new Promise((resolve) => {
    const late = setTimeout(() => resolve(false), ms);
    keys.once('fresh', () => {
      clearTimeout(late);
      resolve(true);
    });
  });
};

/** Runs a program with keys in its environment. Resolves with its exit code. Rejects if it cannot start. */
export const execAgent = async (
  config: AgentConfig,
  command: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<number> => {
  // Standard output is the program's.
  const logger = openLog(config, 2);
  const exec = config.exec ?? {
    names: {},
    environment: true,
    on_change: 'restart' as const,
    kill_after: 10_000,
  };
  const aborting = new AbortController();
  let child: Child | undefined;
  let signalled: NodeJS.Signals | undefined;
  for (const signal of FORWARDED)
    process.on(signal, () => {
      if (child) child.signal(signal);
      else if (signal !== 'SIGWINCH') {
        signalled ??= signal;
        aborting.abort();
      }
    });
  let agent: Agent;
  try {
    agent = await startAgent(config, {
      logger,
      env,
      signal: aborting.signal,
      more: (keys) => (child = createChild(command, exec, config, keys, logger, signalNumber)),
    });
  } catch (error) {
    if (signalled) return SIGNAL_BASE + signalNumber(signalled);
    throw error;
  }
  const code = await child!.ended;
  await agent.close();
  return code;
};

const signalNumber = (signal: NodeJS.Signals): number => constants.signals[signal];

const openLog = ({ log }: AgentConfig, fd: 1 | 2): Logger => {
  process.on('exit', flushLog);
  return createLogger('agent', log.level, { format: log.format, fd });
};

const exitLate = (logger: Logger): void => {
  logger.event('shutdown_timed_out');
  process.exit(EXIT_FAILED);
};

/** The exit code of a start that failed. */
export const exitCodeOf = (error: unknown): number =>
  (error as { retry?: boolean }).retry === true ? EXIT_AWAY : EXIT_FAILED;
