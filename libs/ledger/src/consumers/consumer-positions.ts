import { RekeyError, ReplyTooLarge, type AcknowledgementState } from '@rekey/schema';
import type { Redis } from 'ioredis';
import { ledgerKeys } from '../keys.ts';
import { isWrongType } from '../scripts/run.ts';
import { redisNowMs } from '../time/redis-now.ts';
import { HeardInstances, type ConsumerInstance } from './heard-instances.ts';
import { createIntake, type AcknowledgementRefusal } from './intake.ts';
import { KnownConsumers, type RegisteredConsumer } from './known-consumers.ts';
import { NewestReports } from './newest-reports.ts';
import { reachOf, type AssistantVersion } from './reach.ts';
import { createStreamReader } from './stream-reader.ts';

/** The progress of consumers, from the streams of their acknowledgements (decision 0023). */
export interface ConsumerPositions {
  /**
   * Follows the streams, from the acknowledgements that count now. Resolves when these are read, however long
   * Redis is away.
   */
  start(): Promise<void>;
  /** Newest first; ended instances are kept for ten minutes. */
  instancesOf(consumer: string): ConsumerInstance[];
  /** The slowest live instance; undefined if none is live. */
  slowest(consumer: string): ConsumerInstance | undefined;
  /**
   * Whether a consumer has applied the entry of the event stream; for a version of one assistant, also
   * whether it could apply it.
   */
  reach(consumer: string, entry: string, version?: AssistantVersion): AcknowledgementState;
  /** Consumers that have signed an acknowledgement, and whose entry does not say so yet. */
  newlyProved(): string[];
  /**
   * Calls back when a consumer progresses, or an instance starts or ends; returns a function that stops it.
   */
  onChange(listener: () => void): () => void;
  close(): Promise<void>;
}

interface ConsumerPositionsOptions {
  /** A connection of its own, which blocks until acknowledgements arrive, and while Redis is away. */
  blocking: Redis;
  prefix: string;
  /** The registered consumers, on another connection. */
  registered: () => Promise<readonly RegisteredConsumer[]>;
  /** Whether a proof is the signature of a text under the `ackKey` of a consumer. */
  verify: (text: string, proof: string, ackKey: string) => Promise<boolean>;
  onError: (error: unknown) => void;
  /** Counts acknowledgements that do not count. */
  onRefused?: (why: AcknowledgementRefusal, count: number) => void;
}

const BLOCK_MS = 1000;
const LONGEST_LEASE_MS = 60_000;
const PAUSE_AFTER_ERROR_MS = 500;
/** What arrives meanwhile is read together: only the newest of each instance is verified. */
const PAUSE_MS = 20;
const LONGEST_PAUSE_MS = 1000;
const REGISTER_EVERY_MS = 1000;
const RENEW_EVERY_MS = 200;
/** An id so far ahead of the clock is none that Redis gave. */
const FUTURE_MS = 60_000;

/** One stream: of a consumer, or without a name, of all consumers of before. */
interface Stream {
  key: string;
  consumer: string | undefined;
  /** Up to where it was read; undefined if it never was. */
  position: string | undefined;
  /** It is no stream, or its last id is in the future: it is not waited for until then. */
  brokenUntil: number;
}

const isBroken = (error: unknown): boolean =>
  isWrongType(error) || (error instanceof RekeyError && error.code === 'LEDGER_CORRUPT');

export const createConsumerPositions = (options: ConsumerPositionsOptions): ConsumerPositions => {
  const { blocking, onError } = options;
  const heard = new HeardInstances();
  const listeners = new Set<() => void>();
  const closing = new AbortController();
  let following: Promise<void> | undefined;
  const emit = () => {
    for (const listener of listeners) listener();
  };
  const known = new KnownConsumers();
  const readOnce = createFollowing(options, heard, known);

  const follow = async (onBegun: () => void): Promise<void> => {
    for (let begun = false; !closing.signal.aborted;) {
      try {
        const { progressed, pauseMs } = await readOnce();
        if (heard.review() || progressed) emit();
        if (!begun) onBegun();
        begun = true;
        await pause(pauseMs, closing.signal);
      } catch (error) {
        if (closing.signal.aborted) return;
        onError(error);
        await pause(PAUSE_AFTER_ERROR_MS, closing.signal);
      }
    }
  };

  return {
    start: () =>
      new Promise((resolve) => {
        following ??= follow(resolve);
      }),
    instancesOf: (consumer) => heard.instancesOf(consumer),
    slowest: (consumer) => heard.slowest(consumer, known.proves(consumer)),
    reach: (consumer, entry, version) => {
      const [live, isIncomplete] = [heard.liveOf(consumer), heard.isIncomplete(consumer)];
      return reachOf({ live, isIncomplete, proves: known.proves(consumer) }, entry, version);
    },
    newlyProved: () => known.newlyProved(),
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

/** Reads what is new in the streams of the registered consumers. */
const createFollowing = (options: ConsumerPositionsOptions, heard: HeardInstances, known: KnownConsumers) => {
  const { blocking, prefix, registered, verify, onRefused } = options;
  const keys = ledgerKeys(prefix);
  const read = createStreamReader(blocking, prefix);
  let streams: Stream[] = [];
  let registeredAt = -Infinity;
  let refusals = 0;

  const register = async (everyMs: number): Promise<void> => {
    if (performance.now() - registeredAt < everyMs) return;
    registeredAt = performance.now();
    known.register(await believed(registered));
    heard.retain(known.names());
    const before = new Map(streams.map((stream) => [stream.key, stream]));
    streams = [...known.withKey(), undefined].map((consumer) => {
      const key = consumer === undefined ? keys.acks : keys.acksOf(consumer);
      return before.get(key) ?? { key, consumer, position: undefined, brokenUntil: 0 };
    });
  };
  const intake = createIntake({
    heard,
    known,
    verify,
    renew: () => register(RENEW_EVERY_MS),
    onRefused: (why, count) => {
      refusals += count;
      onRefused?.(why, count);
    },
  });

  const readStream = async (stream: Stream): Promise<boolean> => {
    const after = stream.position ?? `${Math.max((await redisNowMs(blocking)) - LONGEST_LEASE_MS, 0)}-0`;
    const reports = new NewestReports(stream.consumer === undefined ? known.names() : [stream.consumer]);
    const { position, nowMs, unfit } = await read(stream.key, after, (entries) => {
      for (const entry of entries) reports.add(entry);
    });
    reports.foreign += unfit;
    const isAhead = Number(position.split('-')[0]) > nowMs + FUTURE_MS;
    stream.position = isAhead ? `${nowMs}-0` : position;
    if (isAhead) stream.brokenUntil = performance.now() + REGISTER_EVERY_MS;
    return stream.consumer === undefined
      ? intake.takeUnsigned(reports, nowMs)
      : intake.takeSigned(stream.consumer, reports, nowMs);
  };
  const readIfStream = async (stream: Stream): Promise<boolean> => {
    try {
      return await readStream(stream);
    } catch (error) {
      if (!isBroken(error)) throw error;
      stream.brokenUntil = performance.now() + REGISTER_EVERY_MS;
      return false;
    }
  };

  /** Whether an instance has progressed, and how long to wait before the next read. */
  const readOnce = async (): Promise<{ progressed: boolean; pauseMs: number }> => {
    await register(REGISTER_EVERY_MS);
    const whole = streams.filter(({ brokenUntil }) => brokenUntil <= performance.now());
    const fresh = whole.filter(({ position }) => position === undefined);
    const changed = fresh.length > 0 ? fresh : await waitForNews(blocking, whole);
    const beganAt = performance.now();
    refusals = 0;
    let progressed = false;
    for (const stream of changed) if (await readIfStream(stream)) progressed = true;
    // Refused acknowledgements take no more than a quarter of the time.
    const tookMs = performance.now() - beganAt;
    return {
      progressed,
      pauseMs: refusals > 0 ? Math.min(PAUSE_MS + 3 * tookMs, LONGEST_PAUSE_MS) : PAUSE_MS,
    };
  };
  return readOnce;
};

/** Nobody is registered for a process that cannot believe the entries: it says so elsewhere. */
const believed = async (
  registered: ConsumerPositionsOptions['registered'],
): Promise<readonly RegisteredConsumer[]> => {
  try {
    return await registered();
  } catch (error) {
    if (error instanceof RekeyError || isWrongType(error)) return [];
    throw error;
  }
};

/** Waits until streams have new entries; resolves with these. Of each, one entry is received here. */
const waitForNews = async (redis: Redis, streams: Stream[]): Promise<Stream[]> => {
  if (streams.length === 0) return [];
  const names = streams.map(({ key }) => key);
  const positions = streams.map(({ position }) => position!);
  try {
    const reply = await redis.xread('COUNT', 1, 'BLOCK', BLOCK_MS, 'STREAMS', ...names, ...positions);
    const changed = new Set((reply ?? []).map(([key]) => key));
    return streams.filter(({ key }) => changed.has(key));
  } catch (error) {
    // One of them is no stream, or has a very long entry. Each is read by itself, which shows it.
    if (isBroken(error) || error instanceof ReplyTooLarge) return streams;
    throw error;
  }
};

const pause = (ms: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener('abort', end);
    if (signal.aborted) end();
  });
