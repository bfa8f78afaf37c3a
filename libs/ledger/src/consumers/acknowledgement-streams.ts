import { RekeyError, ReplyTooLarge } from '@rekey/schema';
import type { Redis } from 'ioredis';
import { ledgerKeys } from '../keys.ts';
import { isWrongType } from '../scripts/run.ts';
import { redisNowMs } from '../time/redis-now.ts';
import type { HeardInstances } from './heard-instances.ts';
import { createIntake, type AcknowledgementRefusal, type Intake } from './intake.ts';
import type { KnownConsumers, RegisteredConsumer } from './known-consumers.ts';
import { NewestReports } from './newest-reports.ts';
import { createRewind } from './rewind.ts';
import { beginReading, createStreamReader, type Reading } from './stream-reader.ts';

export interface FollowingOptions {
  /** A connection of its own, which blocks until acknowledgements arrive, and while Redis is away. */
  blocking: Redis;
  prefix: string;
  /** The registered consumers, on another connection. */
  registered: () => Promise<readonly RegisteredConsumer[]>;
  /** Whether a proof is the signature of a text under the `ackKey` of a consumer. */
  verify: (text: string, proof: string, ackKey: string) => Promise<boolean>;
  /** Counts acknowledgements that do not count. */
  onRefused?: (why: AcknowledgementRefusal, count: number) => void;
}

const BLOCK_MS = 1000;
const LONGEST_LEASE_MS = 60_000;
const LONGEST_REST_MS = 1000;
const REGISTER_EVERY_MS = 1000;
const RENEW_EVERY_MS = 200;
/** An id so far ahead of the clock is none that Redis gave. */
const FUTURE_MS = 60_000;

/** One stream: of a consumer, or without a name, of all earlier consumers. */
interface Stream {
  key: string;
  consumer: string | undefined;
  /** Up to where it was read; undefined if it never was. */
  position: string | undefined;
  /** What is new in it, while that is being read: one page in turn with other streams. */
  news: { reading: Reading; reports: NewestReports; tookMs: number } | undefined;
  /** It is not waited for until then: it is no stream, or was filled with what does not count. */
  restsUntil: number;
  /** The last attempt to read it found no stream. */
  isSpoilt: boolean;
}

const isBroken = (error: unknown): boolean =>
  isWrongType(error) || (error instanceof RekeyError && error.code === 'LEDGER_CORRUPT');

interface PageReaderOptions extends Pick<FollowingOptions, 'blocking' | 'prefix'> {
  known: KnownConsumers;
  intake: Intake;
  /** How many acknowledgements were refused so far. */
  refused: () => number;
}

/** Reads a page of a stream, and after the last one takes what counts. Whether an instance has progressed. */
const createPageReader = ({ blocking, prefix, known, intake, refused }: PageReaderOptions) => {
  const read = createStreamReader(blocking, prefix);
  const begin = async (stream: Stream): Promise<NonNullable<Stream['news']>> => {
    const after = stream.position ?? `${Math.max((await redisNowMs(blocking)) - LONGEST_LEASE_MS, 0)}-0`;
    const reports = new NewestReports(stream.consumer === undefined ? known.names() : [stream.consumer]);
    return { reading: beginReading(after), reports, tookMs: 0 };
  };
  const readPage = async (stream: Stream): Promise<boolean> => {
    const beganAt = performance.now();
    const news = (stream.news ??= await begin(stream));
    const { reading, reports } = news;
    for (const entry of await read(stream.key, reading)) reports.add(entry);
    const refusedBefore = refused();
    const isRead = reading.before === undefined;
    const progressed = isRead && (await settle(stream, reading, reports));
    news.tookMs += performance.now() - beganAt;
    if (!isRead) return false;
    stream.news = undefined;
    stream.isSpoilt = false;
    // What does not count takes no more than a quarter of the time.
    if (refused() > refusedBefore) rest(stream, Math.min(3 * news.tookMs, LONGEST_REST_MS));
    return progressed;
  };
  const settle = (stream: Stream, { position, nowMs, unfit }: Reading, reports: NewestReports) => {
    reports.foreign += unfit;
    const isAhead = Number(position.split('-')[0]) > nowMs + FUTURE_MS;
    // An entry that is added in this very millisecond, after this reading, is news.
    stream.position = isAhead ? `${nowMs - 1}-0` : position;
    if (isAhead) rest(stream, LONGEST_REST_MS);
    return stream.consumer === undefined
      ? intake.takeUnsigned(reports, nowMs)
      : intake.takeSigned(stream.consumer, reports, nowMs);
  };
  const rest = (stream: Stream, ms: number): void => {
    stream.restsUntil = Math.max(stream.restsUntil, performance.now() + ms);
  };
  return async (stream: Stream): Promise<boolean> => {
    try {
      return await readPage(stream);
    } catch (error) {
      stream.news = undefined;
      if (!isBroken(error)) throw error;
      stream.isSpoilt = true;
      rest(stream, LONGEST_REST_MS);
      return false;
    }
  };
};

/** Reads what is new in the streams of the registered consumers. */
export const createFollowing = (options: FollowingOptions, heard: HeardInstances, known: KnownConsumers) => {
  const { blocking, prefix, registered, verify, onRefused } = options;
  const keys = ledgerKeys(prefix);
  let streams: Stream[] = [];
  let registeredAt = -Infinity;
  let registeredBefore: readonly RegisteredConsumer[] | undefined;
  /** Whether others are registered than when this was last asked. */
  let isChanged = false;
  let refusals = 0;

  const register = async (everyMs: number): Promise<void> => {
    if (performance.now() - registeredAt < everyMs) return;
    registeredAt = performance.now();
    const consumers = await believed(registered);
    isChanged ||= consumers !== registeredBefore;
    registeredBefore = consumers;
    known.register(consumers ?? []);
    heard.retain(known.names());
    const before = new Map(streams.map((stream) => [stream.key, stream]));
    // While nobody is believed, whoever reports may be a consumer: that is read later.
    const owners = consumers === undefined ? [] : [...known.withKey(), undefined];
    streams = owners.map((consumer) => {
      const key = consumer === undefined ? keys.acks : keys.acksOf(consumer);
      const begins = { position: undefined, news: undefined, restsUntil: 0, isSpoilt: false };
      return before.get(key) ?? { key, consumer, ...begins };
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

  const readPage = createPageReader({ blocking, prefix, known, intake, refused: () => refusals });
  const rewind = createRewind(blocking, prefix, LONGEST_LEASE_MS);

  /** Reads a page of each stream that has news. Whether what is known of a consumer has changed. */
  const readNews = async (): Promise<boolean> => {
    await register(REGISTER_EVERY_MS);
    await rewind(streams.filter(({ news, isSpoilt }) => !news && !isSpoilt));
    const open = streams.filter(({ restsUntil }) => restsUntil <= performance.now());
    const begun = open.filter((stream) => stream.news ?? isUnread(stream));
    const others = open.filter((stream) => !begun.includes(stream));
    const changed = await waitForNews(blocking, others, begun.length > 0 ? 0 : blockMs(streams));
    let progressed = isChanged;
    isChanged = false;
    for (const stream of [...changed, ...begun]) {
      const wasUnread = isUnread(stream);
      if ((await readPage(stream)) || wasUnread !== isUnread(stream)) progressed = true;
    }
    return progressed;
  };
  return {
    readNews,
    /** No stream has pages that are still to be read. */
    isAtRest: () => streams.every(({ news }) => !news),
    /**
     * Whether a registered consumer may have live instances of which nothing was read: its stream was not
     * read yet, or is none. Unsigned acknowledgements of a consumer that signs give nothing.
     */
    isUnknown: (consumer: string) =>
      !known.names().has(consumer) ||
      streams.some(
        (stream) =>
          isUnread(stream) &&
          (stream.consumer === consumer || (stream.consumer === undefined && !known.proves(consumer))),
      ),
    /** Each stream was read once, or cannot be. */
    hasBegun: () =>
      streams.every(({ position, restsUntil }) => position !== undefined || restsUntil > performance.now()),
  };
};

const isUnread = ({ position, isSpoilt }: Stream): boolean => position === undefined || isSpoilt;

/** How long to wait for news: until the first stream that rests is waited for again. */
const blockMs = (streams: Stream[]): number => {
  const restsMs = streams.map(({ restsUntil }) => restsUntil - performance.now()).filter((ms) => ms > 0);
  return Math.ceil(Math.min(BLOCK_MS, ...restsMs));
};

/** Undefined for a process that cannot believe the entries: it says so elsewhere. */
const believed = async (
  registered: FollowingOptions['registered'],
): Promise<readonly RegisteredConsumer[] | undefined> => {
  try {
    return await registered();
  } catch (error) {
    if (error instanceof RekeyError || isWrongType(error)) return undefined;
    throw error;
  }
};

/**
 * Waits until streams have new entries, or does not wait; resolves with these. Of each, one entry is received
 * here.
 */
const waitForNews = async (redis: Redis, streams: Stream[], waitMs: number): Promise<Stream[]> => {
  if (streams.length === 0) return [];
  const names = streams.map(({ key }) => key);
  const positions = streams.map(({ position }) => position!);
  try {
    const where = [...names, ...positions];
    const reply =
      waitMs > 0
        ? await redis.xread('COUNT', 1, 'BLOCK', waitMs, 'STREAMS', ...where)
        : await redis.xread('COUNT', 1, 'STREAMS', ...where);
    const changed = new Set((reply ?? []).map(([key]) => key));
    return streams.filter(({ key }) => changed.has(key));
  } catch (error) {
    // One of them is no stream, or has a very long entry. Each is read by itself, which shows it.
    if (isBroken(error) || error instanceof ReplyTooLarge) return streams;
    throw error;
  }
};
