import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Freshness, Refusal, SnapshotEvent } from '../keys.ts';
import { subscribe } from '../subscribe.ts';
import { until } from '../wait-fixture.ts';

/** What a consumer's process last said of itself. */
export interface Said {
  held: string[];
  versions: Record<string, number>;
  unapplied: readonly Refusal[];
  freshness: Freshness;
  snapshots: SnapshotEvent[];
  failure?: string;
}

/** A consumer in a process of its own, with little memory. */
export interface ConsumerProcess {
  /** Resolves when it says what is looked for. Rejects if the process ends. */
  says(holds: (said: Said) => boolean, what: string): Promise<Said>;
  stop(): Promise<void>;
}

const HEAP_MB = 96;

/** Starts one. The options of the subscriber are passed as they are. */
export const startConsumer = (options: object): ConsumerProcess => {
  const child = fork(fileURLToPath(import.meta.url), [JSON.stringify(options)], {
    execArgv: ['--conditions=@rekey/source', `--max-old-space-size=${HEAP_MB}`],
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  let said: Said | undefined;
  let output = '';
  child.on('message', (message) => (said = message as Said));
  child.stderr!.on('data', (chunk: Buffer) => (output = (output + chunk.toString()).slice(-2000)));
  const ended = () => child.exitCode !== null || child.signalCode !== null;
  return {
    says: async (holds, what) => {
      const check = () => {
        if (said !== undefined && holds(said)) return true;
        if (ended()) throw new Error(`the process has ended (${child.signalCode}): ${output}`);
        return false;
      };
      await until(check, what).catch((error: Error) => {
        throw new Error(`${error.message}; it last said ${JSON.stringify(said)}`);
      });
      return said!;
    },
    stop: async () => {
      if (ended()) return;
      child.kill('SIGKILL');
      await once(child, 'exit');
    },
  };
};

const EVERY_MS = 20;

const run = async (options: Parameters<typeof subscribe>[0]): Promise<void> => {
  const snapshots: SnapshotEvent[] = [];
  const keys = await subscribe(options);
  keys.on('snapshot', (snapshot) => snapshots.push(snapshot));
  setInterval(() => {
    const held = [...keys.assistantIds()].toSorted();
    const versions = Object.fromEntries(held.map((id) => [id, keys.current(id)!.version]));
    const { last: unapplied } = keys.unapplied;
    process.send!({ held, versions, unapplied, freshness: keys.freshness(), snapshots } satisfies Said);
  }, EVERY_MS);
};

if (process.argv[1] === fileURLToPath(import.meta.url))
  run(JSON.parse(process.argv[2]!) as Parameters<typeof subscribe>[0]).catch((error: Error) => {
    process.send!({ failure: error.message });
  });
