import { ReplyTooLarge, isBefore, type AcknowledgementState } from '@rekey/schema';
import type { Redis } from 'ioredis';
import { ledgerKeys } from '../keys.ts';
import { createRunner } from '../scripts/run.ts';
import { redisNowMs } from '../time/redis-now.ts';
import { consumersCommands } from './commands.generated.ts';
import { HeardInstances, type ConsumerInstance } from './heard-instances.ts';

/** The progress of consumers, from the stream of their acknowledgements. */
export interface ConsumerPositions {
  /**
   * Follows the stream, from the acknowledgements that count now. Resolves when these are read, however long
   * Redis is away.
   */
  start(): Promise<void>;
  /** Newest first; ended instances are kept for ten minutes. */
  instancesOf(consumer: string): ConsumerInstance[];
  /** The slowest live instance; undefined if none is live. */
  slowest(consumer: string): ConsumerInstance | undefined;
  /**
   * Whether a consumer has applied the entry of the event stream; for a version of one assistant, also
   * whether it could apply it. An instance that holds another grant than that of `grantKid` could not.
   */
  reach(consumer: string, entry: string, version?: AssistantVersion, grantKid?: string): AcknowledgementState;
  /**
   * Calls back when a consumer progresses, or an instance starts or ends; returns a function that stops it.
   */
  onChange(listener: () => void): () => void;
  close(): Promise<void>;
}

interface AssistantVersion {
  assistantId: string;
  version: number;
}

interface ConsumerPositionsOptions {
  /** A connection of its own, which blocks until acknowledgements arrive, and while Redis is away. */
  blocking: Redis;
  prefix: string;
  onError: (error: unknown) => void;
}

const BLOCK_MS = 1000;
/** Entries that are read at once: subscribers write about 300 bytes each, other clients up to megabytes. */
const COUNT = 1000;
const LONGEST_LEASE_MS = 60_000;
const PAUSE_AFTER_ERROR_MS = 500;

/** Whether live instances have applied an entry. */
const reachOf = (
  live: ConsumerInstance[],
  entry: string,
  version: AssistantVersion | undefined,
  grantKid: string | undefined,
): AcknowledgementState => {
  if (live.length === 0) return 'GONE';
  if (live.some(({ position }) => isBefore(position, entry))) return 'PENDING';
  const isUnapplied = ({ unapplied: { count, first }, kid = grantKid }: ConsumerInstance): boolean =>
    // Without a kid: a consumer of before.
    (grantKid !== undefined && kid !== grantKid) ||
    (version
      ? // Instances name only the first events that they could not apply: it may be one of the others.
        count > first.length ||
        first.some((one) => one.assistant_id === version.assistantId && one.version >= version.version)
      : count > 0);
  return live.some(isUnapplied) ? 'UNAPPLIED' : 'ACKNOWLEDGED';
};

type Entry = [id: string, fields: string[]];
interface Page {
  entries: Entry[];
  /** That of the last entry that was read or skipped. */
  position: string;
  /** Nothing follows at present. */
  isLast: boolean;
}

/**
 * Reads pages of the stream of acknowledgements. A page that is too large is read again entry by entry, and
 * an entry that is too large is skipped: no subscriber wrote it.
 */
const createReader = (redis: Redis, prefix: string) => {
  const { acks } = ledgerKeys(prefix);
  const commands = consumersCommands(createRunner(redis, prefix));
  let count = COUNT;
  return async (position: string, read: (count: number) => Promise<Entry[]>): Promise<Page> => {
    try {
      const entries = await read(count);
      const isLast = entries.length < count;
      count = Math.min(2 * count, COUNT);
      return { entries, position: entries.at(-1)?.[0] ?? position, isLast };
    } catch (error) {
      if (!(error instanceof ReplyTooLarge)) throw error;
      const skipped = count === 1 ? (await commands.acksNext({ acks, after: position })).id : undefined;
      count = 1;
      return { entries: [], position: skipped ?? position, isLast: false };
    }
  };
};

export const createConsumerPositions = ({
  blocking,
  prefix,
  onError,
}: ConsumerPositionsOptions): ConsumerPositions => {
  const keys = ledgerKeys(prefix);
  const heard = new HeardInstances();
  const listeners = new Set<() => void>();
  let position = '0-0';
  const closing = new AbortController();
  let following: Promise<void> | undefined;

  const emit = () => {
    for (const listener of listeners) listener();
  };

  const readAfter = createReader(blocking, prefix);

  const readBacklog = async (): Promise<void> => {
    const nowMs = await redisNowMs(blocking);
    position = `${Math.max(nowMs - LONGEST_LEASE_MS, 0)}-0`;
    for (let isLast = false; !isLast;) {
      const page = await readAfter(position, (count) =>
        blocking.xrange(keys.acks, `(${position}`, '+', 'COUNT', count),
      );
      ({ position, isLast } = page);
      for (const [entry, fields] of page.entries)
        heard.take(entry, fields[1], Math.max(nowMs - Number(entry.split('-')[0]), 0));
      heard.review();
    }
  };

  const readNext = async (): Promise<void> => {
    const page = await readAfter(position, async (count) => {
      const reply = await blocking.xread('COUNT', count, 'BLOCK', BLOCK_MS, 'STREAMS', keys.acks, position);
      return reply?.[0]?.[1] ?? [];
    });
    ({ position } = page);
    let changed = false;
    for (const [entry, fields] of page.entries) if (heard.take(entry, fields[1], 0)) changed = true;
    if (heard.review() || changed) emit();
  };

  const follow = async (onBegun: () => void): Promise<void> => {
    for (let begun = false; !closing.signal.aborted;) {
      try {
        if (!begun) {
          await readBacklog();
          begun = true;
          onBegun();
        }
        await readNext();
      } catch (error) {
        if (closing.signal.aborted) return;
        onError(error);
        await new Promise((resolve) => setTimeout(resolve, PAUSE_AFTER_ERROR_MS));
      }
    }
  };

  return {
    start: () =>
      new Promise((resolve) => {
        following ??= follow(resolve);
      }),
    instancesOf: (consumer) => heard.instancesOf(consumer),
    slowest: (consumer) => heard.slowest(consumer),
    reach: (consumer, entry, version, grantKid) => reachOf(heard.liveOf(consumer), entry, version, grantKid),
    onChange: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close: async () => {
      closing.abort();
      blocking.disconnect();
      await following;
      emit();
    },
  };
};
