import { ReplyTooLarge, unfitRedis } from '@rekey/schema';
import type { Settings, SubscribeOptions } from '../options.ts';
import { EntryTooLong, empty, type RedisTime, type Session, type Source } from '../source/source.ts';
import { SubscribeError } from '../subscribe-error.ts';
import { namesUnder, type Names } from './names.ts';
import { createPages, type Pages } from './pages.ts';
import { createReadSize } from './read-size.ts';
import { isErrorReply, replyCode, replyOf } from './replies.ts';
import { ANSWER_WITHIN_MS, connectAs, openSession, type RedisSession } from './session.ts';
import { factsOf, itemsOf, sizeOf } from './stream-replies.ts';
import { createTooLong, type TooLong } from './too-long.ts';

const MAX_ACKNOWLEDGEMENTS = 5000;
const MAX_SHARED_ACKNOWLEDGEMENTS = 20_000;
const ENTRIES_PER_READ = 500;
/** The number of entries that are searched for the last one that counts: refused ones may follow it. */
const ENTRIES_AT_END = 10;
const FINAL = new Set(['NOAUTH', 'WRONGPASS', 'NOPERM']);

/** What a session is made of. The sizes and pages outlive it. */
interface Parts {
  names: Names;
  consumer: string;
  pages: Pages;
  tooLong: TooLong;
  readSize: ReturnType<typeof createReadSize>;
  endSize: ReturnType<typeof createReadSize>;
}

/** What XINFO says; undefined if it has whole entries that are too long. */
const infoOf = async ({ names, tooLong }: Parts, at: RedisSession): Promise<unknown> =>
  tooLong.has(names.events)
    ? undefined
    : replyOf(tooLong.watch(names.events, at.commands.xinfo('STREAM', names.events)));

type Reading = Pick<Session, 'last' | 'read' | 'facts'>;
const reading = (parts: Parts, at: RedisSession): Reading => {
  const { names, readSize, endSize } = parts;
  return {
    facts: async () => factsOf(await at.answer(infoOf(parts, at))),
    last: async () => {
      const request = (count: number) =>
        at.answer(
          Promise.all([infoOf(parts, at), at.commands.xrevrange(names.events, '+', '-', 'COUNT', count)]),
        );
      const [facts, entries] = (await endSize.read(request, ([, last]) => sizeOf(last))).answer;
      const items = itemsOf(entries);
      empty(entries);
      return { items, facts: factsOf(facts) };
    },
    read: async ({ id }, waitMs) => {
      const sentMs = performance.now();
      const { waiting } = at;
      const request = (count: number) => {
        const reply =
          waitMs === undefined
            ? waiting.xread('COUNT', count, 'STREAMS', names.events, id)
            : waiting.xread('COUNT', count, 'BLOCK', waitMs, 'STREAMS', names.events, id);
        return at.answer(count === 1 ? reply.catch(asEntryTooLong) : reply, {
          on: waiting,
          silentMs: ANSWER_WITHIN_MS + (waitMs ?? 0),
        });
      };
      const { answer: reply, isFull } = await readSize.read(request, (answer) =>
        sizeOf(answer?.[0]?.[1] ?? []),
      );
      const answeredMs = performance.now();
      const entries = reply?.[0]?.[1] ?? [];
      const items = itemsOf(entries);
      empty(entries);
      // An answer without entries proves that there were none until the end of the wait. When Redis made an
      // answer with entries is unknown: it proves nothing later than its request.
      const provenAtMs = items.length === 0 ? Math.min(sentMs + (waitMs ?? 0), answeredMs) : sentMs;
      return { items, hasMore: isFull, provenAtMs: isFull ? undefined : provenAtMs };
    },
  };
};

const asEntryTooLong = (error: unknown): never => {
  throw error instanceof ReplyTooLarge ? new EntryTooLong(error.message, { cause: error }) : error;
};

/** As an entry that cannot be read. */
const UNREADABLE_ENTRY = '';
const unreadableIfTooLong = (error: unknown): string => {
  if (error instanceof ReplyTooLarge) return UNREADABLE_ENTRY;
  throw error;
};

type Watching = Pick<Session, 'recognise' | 'watch' | 'entry' | 'time'>;
const watching = (parts: Parts, at: RedisSession): Watching => ({
  recognise: async () => {
    const asked = [at.commands.info('server'), at.commands.time(), infoOf(parts, at)] as const;
    const [info, time, stream] = await at.answer(Promise.all(asked.map(replyOf<unknown>)));
    const factIn = (field: string) =>
      typeof info === 'string' ? new RegExp(`^${field}:(\\S+)`, 'm').exec(info)?.[1] : undefined;
    const unfit = unfitRedis(factIn);
    if (unfit !== undefined)
      throw new SubscribeError('REDIS_REFUSED', `the server at the address of Redis ${unfit}`);
    if (isErrorReply(time)) throw time;
    // A Redis user without permission for INFO detects another Redis by the run of the next event.
    return { time: time as RedisTime, runId: factIn('run_id'), facts: factsOf(stream) };
  },
  watch: async () => {
    // The entry last: if it is too long, the others have been answered.
    const asked = [
      infoOf(parts, at),
      at.commands.time(),
      at.commands.hget(parts.names.consumers, parts.consumer).catch(unreadableIfTooLong),
    ];
    const [info, time, text] = await at.answer(Promise.all(asked.map(replyOf<unknown>)));
    return {
      facts: factsOf(info),
      entry: isErrorReply(text) ? undefined : (text as string | null),
      time: Array.isArray(time) ? (time as unknown as RedisTime) : undefined,
    };
  },
  entry: () => at.answer(at.commands.hget(parts.names.consumers, parts.consumer)),
  time: async () => (await at.answer(at.commands.time())) as unknown as RedisTime,
});

type Storing = Pick<Session, 'current' | 'snapshot' | 'acknowledge'>;
const storing = ({ names, consumer, pages }: Parts, at: RedisSession): Storing => ({
  current: (assistantIds) => pages.current(at, assistantIds),
  snapshot: async function* (orgs) {
    for await (const records of pages.published(at, orgs)) yield { records, uncertain: [] };
    for await (const uncertain of pages.uncertain(at)) yield { records: [], uncertain };
  },
  /** An earlier Rekey reads the shared stream, without signatures. */
  acknowledge: async (ack, proof) => {
    const [key, keep, ...more] =
      proof === undefined
        ? [names.sharedAcks, MAX_SHARED_ACKNOWLEDGEMENTS]
        : [names.acks(consumer), MAX_ACKNOWLEDGEMENTS, 'proof', proof];
    try {
      await at.answer(at.commands.xadd(key!, 'MAXLEN', '~', keep!, '*', 'ack', ack, ...more));
      return 'added';
    } catch (error) {
      // This Redis is no longer the primary: find the new one. After other errors (no memory, no permission)
      // the keys can still be read.
      if (isErrorReply(error) && replyCode(error) === 'READONLY') at.end(error);
      throw error;
    }
  },
});

export const createRedisSource = (
  redis: NonNullable<SubscribeOptions['redis']>,
  { consumer, prefix }: Pick<Settings, 'consumer' | 'prefix'>,
): Source => {
  const names = namesUnder(prefix);
  const connect = connectAs(redis, `rekey:consumer:${consumer}`);
  const tooLong = createTooLong();
  const parts: Parts = {
    names,
    consumer,
    pages: createPages({ names, tooLong }),
    tooLong,
    readSize: createReadSize(ENTRIES_PER_READ),
    endSize: createReadSize(ENTRIES_AT_END),
  };
  return {
    open: async (signal, onClose) => {
      const at = await openSession(connect, signal, onClose);
      return { ...watching(parts, at), ...reading(parts, at), ...storing(parts, at), end: at.end };
    },
    refusalOf: (fault) =>
      isErrorReply(fault) && FINAL.has(replyCode(fault))
        ? new SubscribeError('REDIS_REFUSED', `Redis refuses this service: ${fault.message}`, {
            cause: fault,
          })
        : undefined,
    away: (withinMs, cause) => new SubscribeError('REDIS_AWAY', whyAway(withinMs, cause), { cause }),
  };
};

const whyAway = (withinMs: number, cause: unknown): string =>
  cause instanceof ReplyTooLarge || cause instanceof EntryTooLong
    ? `the keys could not be read within ${withinMs} ms: ${cause.message}. Rekey writes nothing as long`
    : `Redis could not be reached within ${withinMs} ms`;
