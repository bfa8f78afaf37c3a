import { Acknowledgement, isBefore, parseJson, type Reach } from '@rekey/schema';
import type { Redis } from 'ioredis';
import { ledgerKeys } from '../keys.ts';
import { redisNowMs } from '../time/redis-now.ts';

/** A running instance of a consumer, or one that was. */
export interface ConsumerInstance extends Omit<Acknowledgement, 'consumer'> {
  /** When it was last heard of, by the clock of Redis. */
  heardMs: number;
  /** It has reported within its lease, and does not leave. */
  live: boolean;
}

/** How far consumers have come, from the stream of their acknowledgements. */
export interface ConsumerPositions {
  /**
   * Follows the stream, from the acknowledgements that count now on. Resolves when these are read, however
   * long Redis is away.
   */
  start(): Promise<void>;
  /** Newest first; those that are gone are told of for ten minutes. */
  instancesOf(consumer: string): ConsumerInstance[];
  /** The slowest live instance; undefined where none is live. */
  slowest(consumer: string): ConsumerInstance | undefined;
  /**
   * Whether a consumer has applied the entry of the event stream, and, where that is a version of one
   * assistant, could apply it.
   */
  reach(consumer: string, entry: string, version?: { assistantId: string; version: number }): Reach;
  /** Calls back when any consumer comes farther, or somebody is gone or new; returns how to stop that. */
  onChange(listener: () => void): () => void;
  close(): Promise<void>;
}

export interface ConsumerPositionsOptions {
  /**
   * A connection of its own, which waits for acknowledgements; and for Redis, where that is not there yet.
   */
  blocking: Redis;
  prefix: string;
  onError: (error: unknown) => void;
}

const BLOCK_MS = 1000;
const COUNT = 1000;
const LONGEST_LEASE_MS = 60_000;
const GONE_TOLD_MS = 600_000;
const INSTANCES_KEPT = 50;
const PAUSE_AFTER_ERROR_MS = 500;

interface Heard extends Omit<Acknowledgement, 'consumer'> {
  heardMs: number;
  /** By this process's own clock, which nobody turns back. */
  heardAt: number;
}

export const createConsumerPositions = ({
  blocking,
  prefix,
  onError,
}: ConsumerPositionsOptions): ConsumerPositions => {
  const keys = ledgerKeys(prefix);
  const heard = new Map<string, Map<string, Heard>>();
  const listeners = new Set<() => void>();
  let position = '0-0';
  const closing = new AbortController();
  let following: Promise<void> | undefined;
  /** Those that were live when it was last looked, by consumer. */
  let livesBefore = '';

  const isLive = ({ heardAt, lease_ms: leaseMs, leaving }: Heard): boolean =>
    !leaving && performance.now() - heardAt < leaseMs;

  /** `sinceMs`: how long ago it was written. */
  const take = (entry: string, text: string | undefined, sinceMs: number): boolean => {
    const parsed = Acknowledgement.safeParse(parseJson(text));
    // Anybody may write there; what is no acknowledgement is nobody's.
    if (!parsed.success) return false;
    const { consumer, ...ack } = parsed.data;
    const instances = heard.get(consumer) ?? new Map<string, Heard>();
    heard.set(consumer, instances);
    const before = instances.get(ack.instance);
    instances.delete(ack.instance);
    instances.set(ack.instance, {
      ...ack,
      heardMs: Number(entry.split('-')[0]),
      heardAt: performance.now() - sinceMs,
    });
    return before?.position !== ack.position || before.leaving !== ack.leaving;
  };

  /** Forgets who has been gone for long, and says whether others are live than before. */
  const review = (): boolean => {
    for (const [consumer, instances] of heard) {
      for (const [instance, one] of instances) {
        if (
          performance.now() - one.heardAt > GONE_TOLD_MS ||
          (instances.size > INSTANCES_KEPT && !isLive(one))
        )
          instances.delete(instance);
      }
      if (instances.size === 0) heard.delete(consumer);
    }
    const lives = [...heard]
      .map(
        ([consumer, instances]) =>
          `${consumer}:${[...instances]
            .filter(([, one]) => isLive(one))
            .map(([id]) => id)
            .join()}`,
      )
      .join(' ');
    const changed = lives !== livesBefore;
    livesBefore = lives;
    return changed;
  };

  const tell = () => {
    for (const listener of listeners) listener();
  };

  const begin = async (): Promise<void> => {
    const nowMs = await redisNowMs(blocking);
    const entries = await blocking.xrange(keys.acks, `${nowMs - LONGEST_LEASE_MS}`, '+');
    for (const [entry, fields] of entries)
      take(entry, fields[1], Math.max(nowMs - Number(entry.split('-')[0]), 0));
    const [last] = await blocking.xrevrange(keys.acks, '+', '-', 'COUNT', 1);
    position = last?.[0] ?? '0-0';
    review();
  };

  const follow = async (onBegun: () => void): Promise<void> => {
    for (let begun = false; !closing.signal.aborted;) {
      try {
        if (!begun) {
          await begin();
          begun = true;
          onBegun();
        }
        const reply = await blocking.xread('COUNT', COUNT, 'BLOCK', BLOCK_MS, 'STREAMS', keys.acks, position);
        let changed = false;
        for (const [entry, fields] of reply?.[0]?.[1] ?? []) {
          position = entry;
          if (take(entry, fields[1], 0)) changed = true;
        }
        if (review() || changed) tell();
      } catch (error) {
        if (closing.signal.aborted) return;
        onError(error);
        await new Promise((resolve) => setTimeout(resolve, PAUSE_AFTER_ERROR_MS));
      }
    }
  };

  const slowest = (consumer: string): Heard | undefined => {
    let found: Heard | undefined;
    for (const one of heard.get(consumer)?.values() ?? [])
      if (isLive(one) && (!found || isBefore(one.position, found.position))) found = one;
    return found;
  };

  const shown = (one: Heard): ConsumerInstance => {
    const { heardAt: _, ...rest } = one;
    return { ...rest, live: isLive(one) };
  };

  return {
    start: () =>
      new Promise((resolve) => {
        following ??= follow(resolve);
      }),
    instancesOf: (consumer) => [...(heard.get(consumer)?.values() ?? [])].toReversed().map(shown),
    slowest: (consumer) => {
      const one = slowest(consumer);
      return one && shown(one);
    },
    reach: (consumer, entry, version) => {
      const live = [...(heard.get(consumer)?.values() ?? [])].filter(isLive);
      if (live.length === 0) return 'GONE';
      if (live.some(({ position: at }) => isBefore(at, entry))) return 'PENDING';
      if (!version) return live.some(({ unapplied }) => unapplied.count > 0) ? 'UNAPPLIED' : 'ACKNOWLEDGED';
      // Where more could not be applied than are named, it may be one of those.
      const couldNot = live.some(
        ({ unapplied: { count, first } }) =>
          count > first.length ||
          first.some((one) => one.assistant_id === version.assistantId && one.version >= version.version),
      );
      return couldNot ? 'UNAPPLIED' : 'ACKNOWLEDGED';
    },
    onChange: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close: async () => {
      closing.abort();
      blocking.disconnect();
      await following;
      tell();
    },
  };
};
