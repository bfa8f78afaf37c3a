import { unfitRedis } from '@rekey/schema';
import type { Settings, SubscribeOptions } from '../options.ts';
import { empty, type RedisTime, type Session, type Source } from '../source/source.ts';
import { SubscribeError } from '../subscribe-error.ts';
import { namesUnder, type Names } from './names.ts';
import { createPages, type Pages } from './pages.ts';
import { createReadSize } from './read-size.ts';
import { isErrorReply, repliesOf, replyCode } from './replies.ts';
import { ANSWER_WITHIN_MS, connectAs, openSession, type RedisSession } from './session.ts';
import { factsOf, itemsOf, sizeOf } from './stream-replies.ts';

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
  readSize: ReturnType<typeof createReadSize>;
  endSize: ReturnType<typeof createReadSize>;
}

type Reading = Pick<Session, 'last' | 'read' | 'facts'>;
const reading = ({ names, readSize, endSize }: Parts, at: RedisSession): Reading => {
  const info = async () => repliesOf(await at.commands.pipeline().xinfo('STREAM', names.events).exec())[0];
  return {
    facts: async () => factsOf(await info()),
    last: async () => {
      const request = (count: number) =>
        at.answer(Promise.all([info(), at.commands.xrevrange(names.events, '+', '-', 'COUNT', count)]));
      const [facts, entries] = (await endSize.read(request, ([, last]) => sizeOf(last))).answer;
      const items = itemsOf(entries);
      empty(entries);
      return { items, facts: factsOf(facts) };
    },
    read: async ({ id }, waitMs) => {
      const sentMs = performance.now();
      const { waiting } = at;
      const request = (count: number) =>
        at.answer(
          waitMs === undefined
            ? waiting.xread('COUNT', count, 'STREAMS', names.events, id)
            : waiting.xread('COUNT', count, 'BLOCK', waitMs, 'STREAMS', names.events, id),
          { on: waiting, silentMs: ANSWER_WITHIN_MS + (waitMs ?? 0) },
        );
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

type Watching = Pick<Session, 'recognise' | 'watch' | 'entry' | 'time'>;
const watching = ({ names, consumer }: Parts, at: RedisSession): Watching => ({
  recognise: async () => {
    const replies = at.commands.pipeline().info('server').time().xinfo('STREAM', names.events).exec();
    const [info, time, stream] = await at.answer(replies.then(repliesOf));
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
    const replies = await at.answer(
      at.commands.pipeline().xinfo('STREAM', names.events).hget(names.consumers, consumer).time().exec(),
    );
    const [info, text, time] = repliesOf(replies);
    return {
      facts: factsOf(info),
      entry: isErrorReply(text) ? undefined : (text as string | null),
      time: Array.isArray(time) ? (time as unknown as RedisTime) : undefined,
    };
  },
  entry: () => at.answer(at.commands.hget(names.consumers, consumer)),
  time: async () => (await at.answer(at.commands.time())) as unknown as RedisTime,
});

type Storing = Pick<Session, 'current' | 'snapshot' | 'acknowledge'>;
const storing = ({ names, consumer, pages }: Parts, at: RedisSession): Storing => ({
  current: (assistantIds) => pages.current(at, assistantIds),
  snapshot: async function* (orgs) {
    const all = orgs.includes('*') ? await at.answer(at.commands.smembers(names.orgs)) : orgs;
    for await (const records of pages.published(at, all)) yield { records, uncertain: [] };
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
  const parts: Parts = {
    names,
    consumer,
    pages: createPages(names),
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
    away: (withinMs, cause) =>
      new SubscribeError('REDIS_AWAY', `Redis could not be reached within ${withinMs} ms`, { cause }),
  };
};
