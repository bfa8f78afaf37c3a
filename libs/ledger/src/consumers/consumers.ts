import { createHash } from 'node:crypto';
import { CONSUMER_CHANGED, Consumer, MAX_CONSUMERS, ORG_ALIAS, RekeyError } from '@rekey/schema';
import type { Redis } from 'ioredis';
import { ledgerKeys } from '../keys.ts';
import { DEFAULT_KEEP_EVENTS } from '../rotations/rotations.ts';
import { readOrgName } from '../orgs/org-name.ts';
import { redisNowMs } from '../time/redis-now.ts';
import { defineScripts } from '../scripts/scripts.ts';

/** A consumer as it was read, to be changed only if it still is so. */
export interface SeenConsumer {
  consumer: Consumer;
  text: string;
  /** Its orgs as they stand in its entry: `c` may stand for one of them until a worker has renamed it. */
  storedOrgs: string[];
}

/** An event to be put in the place of one that was read, with the same content sealed for other readers. */
export interface Resealed {
  assistantId: string;
  /** The event that puts it in doubt, and not its current one. */
  uncertain: boolean;
  before: string;
  after: string;
}

/**
 * Numbers that rise when consumers change, at any of them; and when records are to be sealed for others.
 * `resealed`: up to which of the latter all is.
 */
export interface ConsumerRevisions {
  consumers: number;
  readers: number;
  resealed: number;
  /** Which org `c` stands for, as far as it is known. */
  alias?: string;
}

/** The registry of consumers. Every method is one atomic command, or reads. */
export interface Consumers {
  revisions(): Promise<ConsumerRevisions>;
  /** All of them, by name. One whose entry cannot be read is told by `unreadable`. */
  list(): Promise<{ consumers: SeenConsumer[]; unreadable: string[] }>;
  get(name: string): Promise<SeenConsumer | undefined>;
  /**
   * Adds (`before` undefined), changes, or removes (`after` undefined) a consumer. False where it is no
   * longer as it was seen. `readers`: records are to be sealed for others from now on. `tell`: an event says
   * that it has changed. Throws TOO_MANY_CONSUMERS.
   */
  write(
    name: string,
    before: SeenConsumer | undefined,
    after: Consumer | undefined,
    options?: { readers?: boolean; tell?: string },
  ): Promise<boolean>;
  /** How many of them were still as they had been read, and are replaced. */
  reseal(events: Resealed[]): Promise<number>;
  /** Notes up to which revision all that is published is sealed for its readers. */
  noteResealed(readers: number): Promise<void>;
  /** Takes the lock under which that is done, or keeps it; false where another has it. */
  lockResealing(token: string, leaseMs: number): Promise<boolean>;
  /**
   * How many events follow the entry of this position and `seq`, and for how long the first of them has been
   * there.
   */
  lagOf(position: string, seq: number): Promise<{ events: number; ms: number }>;
  /** The last entry of the event stream; 0-0 where there is none. */
  lastEntry(): Promise<string>;
  /** Redis time, in ms since 1970. */
  nowMs(): Promise<number>;
  /** Rekey's public key, for consumers to trust: noted by workers, read by whoever sets up a consumer. */
  noteSigner(publicJwk: object): Promise<void>;
  signer(): Promise<object | undefined>;
}

export const createConsumers = ({
  redis,
  prefix,
  keepEvents = () => DEFAULT_KEEP_EVENTS,
}: {
  redis: Redis;
  prefix: string;
  keepEvents?: () => number;
}): Consumers => {
  const keys = ledgerKeys(prefix);
  const run = defineScripts(redis, keys.prefix);

  return {
    revisions: async () => {
      const [consumers, readers, resealed, alias] = await redis.hmget(
        keys.ledger,
        'consumers',
        'readers',
        'resealed',
        'alias',
      );
      return {
        consumers: Number(consumers ?? 0),
        readers: Number(readers ?? 0),
        resealed: Number(resealed ?? 0),
        ...(alias && { alias }),
      };
    },

    list: async () => {
      const [entries, alias] = await Promise.all([redis.hgetall(keys.consumers), readOrgName(redis, keys)]);
      const read = Object.entries(entries).map(([name, text]) => ({ name, seen: parse(text, alias) }));
      const consumers = read
        .flatMap(({ seen }) => seen ?? [])
        .toSorted((a, b) => (a.consumer.name < b.consumer.name ? -1 : 1));
      return { consumers, unreadable: read.filter(({ seen }) => !seen).map(({ name }) => name) };
    },

    get: async (name) => {
      const [text, alias] = await Promise.all([redis.hget(keys.consumers, name), readOrgName(redis, keys)]);
      if (text === null) return undefined;
      const seen = parse(text, alias);
      if (!seen) throw new RekeyError('LEDGER_CORRUPT');
      return seen;
    },

    write: async (name, before, after, { readers = false, tell } = {}) => {
      const [head, tail] = tell === undefined ? ['', ''] : changedEvent(name, tell);
      const [kind] = await run['consumer-write'](
        [keys.consumers, keys.ledger],
        [
          name,
          before?.text ?? '',
          after ? JSON.stringify(after) : '',
          readers ? '1' : '',
          head,
          tail,
          keepEvents(),
          MAX_CONSUMERS,
        ],
      );
      if (kind === 'FULL')
        throw new RekeyError('TOO_MANY_CONSUMERS', { metadata: { limit: String(MAX_CONSUMERS) } });
      return kind === 'WRITTEN';
    },

    reseal: async (events) => {
      if (events.length === 0) return 0;
      const [, replaced] = await run.reseal(
        [keys.uncertain, ...events.map(({ assistantId }) => keys.current(assistantId))],
        events.flatMap(({ assistantId, uncertain, before, after }) => [
          createHash('sha1').update(before).digest('hex'),
          after,
          uncertain ? assistantId : '',
        ]),
      );
      return Number(replaced);
    },

    noteResealed: async (readers) => {
      await redis.hset(keys.ledger, 'resealed', readers);
    },

    lockResealing: async (token, leaseMs) => {
      if ((await redis.set(keys.resealing, token, 'PX', leaseMs, 'NX')) === 'OK') return true;
      if ((await redis.get(keys.resealing)) !== token) return false;
      return (await redis.pexpire(keys.resealing, leaseMs)) === 1;
    },

    lagOf: async (position, seq) => {
      const [last, [next], nowMs] = await Promise.all([
        redis.get(keys.seq),
        redis.xrange(keys.events, `(${position}`, '+', 'COUNT', 1),
        redisNowMs(redis),
      ]);
      if (!next) return { events: 0, ms: 0 };
      return {
        events: Math.max(Number(last ?? 0) - seq, 0),
        ms: Math.max(nowMs - Number(next[0].split('-')[0]), 0),
      };
    },

    lastEntry: async () => (await redis.xrevrange(keys.events, '+', '-', 'COUNT', 1))[0]?.[0] ?? '0-0',

    nowMs: () => redisNowMs(redis),

    noteSigner: async (publicJwk) => {
      await redis.hset(keys.ledger, 'signer', JSON.stringify(publicJwk));
    },
    signer: async () => {
      const text = await redis.hget(keys.ledger, 'signer');
      return text === null ? undefined : (JSON.parse(text) as object);
    },
  };
};

/** A consumer as it may read: an org has one name, whichever it was given by. */
const parse = (text: string, alias: string): SeenConsumer | undefined => {
  try {
    const consumer = Consumer.parse(JSON.parse(text));
    const orgs = consumer.orgs.includes(ORG_ALIAS)
      ? [...new Set(consumer.orgs.map((orgId) => (orgId === ORG_ALIAS ? alias : orgId)))].toSorted()
      : consumer.orgs;
    return { consumer: { ...consumer, orgs }, text, storedOrgs: consumer.orgs };
  } catch {
    return undefined;
  }
};

/**
 * Tells of a consumer that it is to look at its entry again. It proves nothing, and nothing is lost where it
 * is forged.
 */
const changedEvent = (name: string, state: string): [string, string] => {
  const time = new Date().toISOString();
  const head = {
    specversion: '1.0',
    id: `${name}-${time}`,
    source: `/consumers/${name}`,
    type: CONSUMER_CHANGED,
    subject: name,
    time,
    datacontenttype: 'application/json',
  };
  return [`${JSON.stringify(head).slice(0, -1)},"data":{"seq":`, `,"state":${JSON.stringify(state)}}}`];
};
