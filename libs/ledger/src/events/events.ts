import { RekeyError, parseJson } from '@rekey/schema';
import type { Redis } from 'ioredis';
import { z } from 'zod';
import { connectLedger, type Connection } from '../connection.ts';
import { MAX_ORGS, readOrgIds } from '../orgs/org-ids.ts';
import { isWrongType } from '../scripts/run.ts';
import { eventsCommands } from './commands.generated.ts';

/** An entry of the stream of events. */
export interface StreamEntry {
  id: string;
  /** Undefined if it has none, or one that is too long for an event. */
  text: string | undefined;
}

/** A current record of an assistant. */
export interface StoredRecord {
  assistantId: string;
  /**
   * As Redis has it. Empty if it is longer than any that Rekey writes; null if there is none, or an entry of
   * another type.
   */
  bytes: Buffer | null;
}

/** Where the stream ends. */
export interface EventsEnd {
  /** The time of Redis, in µs since 1970. */
  redisUs: number;
  /** The last id that it has given; undefined if there is no stream. */
  lastId: string | undefined;
  /** That of its last entry; 0-0 if it has none. */
  lastEntryId: string;
}

interface EventsRead extends EventsEnd {
  entries: StreamEntry[];
  /** Whether there may be more. */
  more: boolean;
}

/** What is published, as consumers read it. */
export interface Events {
  /** The next entries after a position. */
  after(id: string): Promise<EventsRead>;
  /** The last entries, the newest first. */
  last(count: number): Promise<EventsRead>;
  end(): Promise<EventsEnd>;
  /** The id of the Redis process that answers on this connection. */
  runId(): Promise<string>;
  /** Of the first of these assistants, as many as fit into one read: at least one. */
  records(assistantIds: readonly string[]): Promise<StoredRecord[]>;
  /**
   * Adds an acknowledgement to the stream of its consumer; one without a proof to that of all. Throws
   * REDIS_REPLACED if the Redis process has another id than `runId`.
   */
  acknowledge(consumer: string, ack: SentAcknowledgement): Promise<void>;
  /**
   * The orgs, percent-encoded, that each of these assistants was published under before it moved; none if it
   * never did. Nothing proves them.
   */
  formerOrgs(assistantIds: readonly string[]): Promise<string[][]>;
  /** The orgs that anything was published under. Throws LEDGER_CORRUPT if they are too many to read all. */
  orgs(): Promise<string[]>;
  /** Notes the orgs of a consumer that is being removed: it still hears that their keys were replaced. */
  noteFormer(consumer: string, orgs: readonly string[]): Promise<void>;
  /** Those orgs; none if the consumer was never removed. */
  formerConsumer(consumer: string): Promise<string[]>;
}

interface SentAcknowledgement {
  ack: string;
  proof: string | undefined;
  /** The Redis process that it is about. */
  runId: string | undefined;
}

const ENTRIES_A_READ = 200;
/** An event has up to 22 million characters. A reply may have one more, and stays below MAX_REPLY_BYTES. */
const BYTES_A_READ = 4 * 1024 * 1024;
const LONGEST_BYTES = 24 * 1024 * 1024;
const RECORD_BYTES_A_READ = 2 * 1024 * 1024;
const MAX_ACKNOWLEDGEMENTS = 5000;
const MAX_SHARED_ACKNOWLEDGEMENTS = 20_000;
const MAX_FORMER_CONSUMERS = 1000;
/** More than moved.lua keeps. */
const MAX_FORMER_ORGS = 100;
const Orgs = z.array(z.string()).max(1000);

const entriesOf = (flat: readonly string[]): StreamEntry[] =>
  Array.from({ length: flat.length / 3 }, (_, i) => ({
    id: flat[3 * i]!,
    text: flat[3 * i + 1] === 'event' ? flat[3 * i + 2]! : undefined,
  }));

const createReads = ({ run }: Connection): Pick<Events, 'after' | 'last' | 'end'> => {
  const commands = eventsCommands(run);
  const read = async (from: string, back: boolean, count: number): Promise<EventsRead> => {
    const { redisUs, lastId, lastEntryId, more, entries } = await commands.eventsRead({
      from,
      back,
      count,
      chars: BYTES_A_READ,
      longest: LONGEST_BYTES,
    });
    return {
      redisUs,
      lastId: lastId === '' ? undefined : lastId,
      lastEntryId,
      more,
      entries: entriesOf(entries),
    };
  };
  return {
    after: (id) => read(`(${id}`, false, ENTRIES_A_READ),
    last: (count) => read('+', true, count),
    end: () => read('+', true, 0),
  };
};

/** Of a record that is too long, the command leaves the text out. */
const bytesOf = (kind: Buffer, bytes: Buffer): Buffer | null => {
  const word = kind.toString('latin1');
  return word === 'record' || word === 'long' ? bytes : null;
};

/** Asks once for each connection: another Redis answers on another connection. */
const createRunId = (redis: Redis): Events['runId'] => {
  let known: Promise<string> | undefined;
  let isListening = false;
  const listen = (): void => {
    if (isListening) return;
    isListening = true;
    redis.on('close', () => (known = undefined));
  };
  const read = async (): Promise<string> =>
    /^run_id:(\S+)/m.exec(String(await redis.info('server')))?.[1] ?? '';
  return () => {
    listen();
    const asked = (known ??= read());
    asked.catch(() => {
      if (known === asked) known = undefined;
    });
    return asked;
  };
};

export const openEvents = (connection: Connection): Events => {
  const { redis, keys, run } = connection;
  return {
    ...createReads(connection),
    runId: createRunId(redis),

    records: async (assistantIds) => {
      if (assistantIds.length === 0) return [];
      const { records } = await eventsCommands(run).recordsRead({
        chars: RECORD_BYTES_A_READ,
        longest: LONGEST_BYTES,
        records: assistantIds.map((assistantId) => ({ name: encodeURIComponent(assistantId) })),
      });
      return Array.from({ length: records.length / 2 }, (_, i) => ({
        assistantId: assistantIds[i]!,
        bytes: bytesOf(records[2 * i]!, records[2 * i + 1]!),
      }));
    },

    acknowledge: async (consumer, { ack, proof, runId }) => {
      const [acks, keep] =
        proof === undefined
          ? [keys.acks, MAX_SHARED_ACKNOWLEDGEMENTS]
          : [keys.acksOf(consumer), MAX_ACKNOWLEDGEMENTS];
      const { kind } = await eventsCommands(run).ackAppend({ acks, keep, runId, ack, proof });
      if (kind === 'other-redis') throw new RekeyError('REDIS_REPLACED');
    },

    formerOrgs: async (assistantIds) => {
      const pipeline = redis.pipeline();
      for (const assistantId of assistantIds) pipeline.hget(keys.assistant(assistantId), 'former');
      return ((await pipeline.exec()) ?? []).map(([error, former]) => {
        if (error && !isWrongType(error)) throw error;
        return error || typeof former !== 'string' ? [] : former.split(',', MAX_FORMER_ORGS);
      });
    },

    orgs: async () => {
      const ids = await readOrgIds({ redis, keys });
      // A consumer of all orgs would take what it lacks for everything there is.
      if (ids.length >= MAX_ORGS) throw new RekeyError('LEDGER_CORRUPT');
      return ids;
    },

    noteFormer: async (consumer, orgs) => {
      if ((await redis.hlen(keys.formerConsumers)) >= MAX_FORMER_CONSUMERS) {
        const [, fields] = await redis.hscan(keys.formerConsumers, '0', 'COUNT', 100);
        await redis.hdel(keys.formerConsumers, ...fields.filter((_, i) => i % 2 === 0));
      }
      await redis.hset(keys.formerConsumers, consumer, JSON.stringify(orgs));
    },

    formerConsumer: async (consumer) => {
      const text = await redis.hget(keys.formerConsumers, consumer);
      return Orgs.safeParse(parseJson(text)).data ?? [];
    },
  };
};

/** The reads of one who follows the stream, on a connection of its own, which may block. */
export const connectEvents = (redis: Redis, prefix: string) => {
  const connection = connectLedger(redis, prefix);
  const events = openEvents(connection);
  return {
    after: events.after,
    end: events.end,
    /** Calls back when the connection was lost: what answers on the next one may be another Redis. */
    onLost: (listener: () => void): void => void redis.on('close', listener),
    /** The first entry after a position, as soon as there is one; undefined after a time without. */
    wait: async (id: string, ms: number): Promise<StreamEntry | undefined> => {
      const reply = await redis.xread('COUNT', 1, 'BLOCK', ms, 'STREAMS', connection.keys.events, id);
      const [entry] = reply?.[0]?.[1] ?? [];
      if (!entry) return undefined;
      const at = entry[1].indexOf('event');
      const text = at % 2 === 0 ? entry[1][at + 1]! : '';
      // As `after` reads it: what a consumer receives does not depend on when it was read.
      const isLong = text.length * 3 > LONGEST_BYTES && Buffer.byteLength(text) > LONGEST_BYTES;
      return { id: entry[0], text: at % 2 === 0 && !isLong ? text : undefined };
    },
  };
};
