import type { Logger } from '@rekey/runtime';
import type { HeldKey, Keys } from '@rekey/subscriber';
import { AgentError, whyOf } from '../agent-error.ts';
import type { AgentConfig } from '../config/agent-config.ts';
import { variableOf } from '../outputs/names.ts';
import { noCounts, type Output } from '../outputs/output.ts';
import { selected } from '../outputs/selection.ts';
import { createStage } from '../stage/stage.ts';
import { createProgram } from './program.ts';

export interface Child extends Output {
  /** Forwards a signal. */
  signal(signal: NodeJS.Signals): void;
  /** Resolves when the program has ended by itself, with the exit code to pass on. */
  readonly ended: Promise<number>;
}

type Exec = NonNullable<AgentConfig['exec']>;

/** Runs a program with keys in its environment, and restarts or signals it when they have changed. */
export const createChild = (
  command: readonly string[],
  exec: Exec,
  { debounce, debounce_max: debounceMax }: Pick<AgentConfig, 'debounce' | 'debounce_max'>,
  keys: Keys,
  logger: Logger,
  signalNumber: (signal: NodeJS.Signals) => number,
): Child => {
  const counts = noCounts();
  /** What the program has, and what it was told of: a signal changes no environment. */
  let [shown, told]: (string | undefined)[] = [];
  const program = createProgram(command, exec.kill_after, logger, signalNumber);

  const apply = async (): Promise<void> => {
    const held = await environmentOf(keys, exec);
    const next = JSON.stringify(held);
    if (next === shown && next === told) return;
    const given = exec.environment ? held : {};
    if (shown === undefined) await program.start(given);
    else if (exec.on_change === 'restart') {
      logger.event('agent_child_restarting');
      await program.restart(given);
    } else {
      if (next !== told && exec.on_change !== 'ignore') program.signal(exec.on_change);
      told = next;
      if (exec.environment && next !== shown) throw olderEnvironment();
    }
    [shown, told] = [next, next];
    counts.writes += 1;
    counts.writtenAtMs = Date.now();
  };
  const stage = createStage({
    run: apply,
    // The program waits for nothing at first.
    quietMs: () => (shown === undefined ? 0 : debounce),
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
    // A restart waits for `debounce`, as the configuration says.
    dueSinceMs: () => undefined,
    failure: () => stage.failure,
    counts: () => counts,
    close: stage.close,
    signal: program.signal,
    ended: program.ended,
  };
};

/** What keeps an acknowledgement from saying that the program has the keys. */
const olderEnvironment = (): AgentError =>
  new AgentError(
    'OLDER_ENVIRONMENT',
    'the program has earlier keys in its environment: restart it, or set exec.environment: false if it ' +
      'takes its keys from the agent itself',
  );

const environmentOf = async (keys: Keys, exec: Exec): Promise<Record<string, string>> => {
  const nameById = new Map(Object.entries(exec.names).map(([name, id]) => [id, name]));
  const environment: Record<string, string> = {};
  for await (const page of selected(keys, exec))
    for (const known of page)
      if (known.state === 'held')
        environment[nameById.get(known.assistantId) ?? variableOf(known.assistantId)] = exec.environment
          ? valueOf(known)
          : known.secretKey;
  return environment;
};

const valueOf = ({ assistantId, secretKey }: HeldKey): string => {
  if (!secretKey.includes('\0')) return secretKey;
  throw new AgentError(
    'NOT_REPRESENTABLE',
    `the key of ${JSON.stringify(assistantId)} has a NUL character, which no environment can hold`,
  );
};
