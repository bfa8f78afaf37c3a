import { createHash } from 'node:crypto';
import { CONSUMER_CHANGED, Consumer, MAX_CONSUMERS, ORG_ALIAS, RekeyError } from '@rekey/schema';
import type { Connection } from '../connection.ts';
import { readOrgName } from '../orgs/org-name.ts';
import { redisNowMs } from '../time/redis-now.ts';
import { consumersCommands } from './commands.generated.ts';

/** A consumer as it was read: a change is refused if it has changed meanwhile. */
export interface SeenConsumer {
  consumer: Consumer;
  text: string;
  /** The orgs of its entry: `c` may stand for one of them until a worker has renamed it. */
  storedOrgs: string[];
}

/** An event that replaces the one that was read: the same content, sealed for other recipients. */
export interface Resealed {
  assistantId: string;
  /** The event that puts it in doubt, not its current one. */
  uncertain: boolean;
  before: string;
  after: string;
}

/**
 * `consumers` rises with each change of a consumer, `recipients` if records are sealed for others from then
 * on. `resealed` is the revision of the recipients up to which all records are sealed.
 */
interface ConsumerRevisions {
  consumers: number;
  recipients: number;
  resealed: number;
  /** Which org `c` stands for, if that is known. */
  alias?: string;
}

/** The registry of consumers. Every method is one atomic command, or reads. */
export interface Consumers {
  revisions(): Promise<ConsumerRevisions>;
  /** All consumers, by name. `unreadable` names those whose entry cannot be read. */
  list(): Promise<{ consumers: SeenConsumer[]; unreadable: string[] }>;
  get(name: string): Promise<SeenConsumer | undefined>;
  /**
   * Adds (`before` undefined), changes, or removes (`after` undefined) a consumer. False if it is no longer
   * as it was seen. `reseals`: records are sealed for other recipients from now on. `emit`: the state that an
   * event reports. Throws TOO_MANY_CONSUMERS.
   */
  write(
    name: string,
    before: SeenConsumer | undefined,
    after: Consumer | undefined,
    options?: { reseals?: boolean; emit?: string },
  ): Promise<boolean>;
  /** Replaces events that have not changed since they were read; returns how many. */
  reseal(events: Resealed[]): Promise<number>;
  /** Notes the revision up to which everything published is sealed for its recipients. */
  noteResealed(recipients: number): Promise<void>;
  /** Takes the lock under which records are resealed, or renews it; false if another worker has it. */
  lockResealing(token: string, leaseMs: number): Promise<boolean>;
  /**
   * The number of events after the entry of this position and `seq`, and the age of the first of them.
   */
  lagOf(position: string, seq: number): Promise<{ events: number; ms: number }>;
  /** Trims the streams of acknowledgements of these consumers, and the shared one. */
  trimAcknowledgements(names: readonly string[]): Promise<void>;
  /** The last entry of the event stream; 0-0 if there is none. */
  lastEntry(): Promise<string>;
  /** Redis time, in ms since 1970. */
  nowMs(): Promise<number>;
  /** Rekey's public key, which consumers trust: workers note it, and it is read to set up a consumer. */
  noteSigner(publicJwk: object): Promise<void>;
  signer(): Promise<object | undefined>;
}

const KEEP_ACKNOWLEDGEMENTS = 5000;
/** Of the stream of all consumers of before, which they trim to as many. */
const KEEP_SHARED = 20_000;
/** The stream of a consumer that was removed is no longer trimmed. */
const EXPIRE_MS = 86_400_000;

type Commands = ReturnType<typeof consumersCommands>;

const createWrite =
  ({ keys }: Connection, commands: Commands, keepEvents: () => number): Consumers['write'] =>
  async (name, before, after, { reseals = false, emit } = {}) => {
    const { kind } = await commands.consumerWrite({
      consumers: keys.consumers,
      ledger: keys.ledger,
      name,
      seen: before?.text,
      entry: after && JSON.stringify(after),
      reseals,
      ...(emit !== undefined && changedEvent(name, emit)),
      keep: keepEvents(),
      limit: MAX_CONSUMERS,
    });
    if (kind === 'full')
      throw new RekeyError('TOO_MANY_CONSUMERS', { metadata: { limit: String(MAX_CONSUMERS) } });
    return kind === 'written';
  };

const createReseal =
  ({ keys }: Connection, commands: Commands): Consumers['reseal'] =>
  async (events) => {
    if (events.length === 0) return 0;
    const { replaced } = await commands.reseal({
      uncertain: keys.uncertain,
      records: events.map(({ assistantId, uncertain, before, after }) => ({
        current: keys.current(assistantId),
        seen: createHash('sha1').update(before).digest('hex'),
        text: after,
        assistantId: uncertain ? assistantId : undefined,
      })),
    });
    return replaced;
  };

/** As in recipients-revision.lua: what is no such number counts as 0. */
const revisionOf = (text: string | null | undefined): number =>
  /^\d{1,15}$/.test(text ?? '') ? Number(text) : 0;

const createRevisions =
  ({ redis, keys }: Connection): Consumers['revisions'] =>
  async () => {
    const [consumers, recipients, resealed, alias] = await redis.hmget(
      keys.ledger,
      'consumers',
      'readers',
      'resealed',
      'alias',
    );
    return {
      consumers: revisionOf(consumers),
      recipients: revisionOf(recipients),
      resealed: revisionOf(resealed),
      ...(alias && { alias }),
    };
  };

export const openConsumers = (connection: Connection, keepEvents: () => number): Consumers => {
  const { redis, keys, run } = connection;
  const commands = consumersCommands(run);

  return {
    revisions: createRevisions(connection),
    write: createWrite(connection, commands, keepEvents),
    reseal: createReseal(connection, commands),

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

    noteResealed: async (recipients) => {
      await redis.hset(keys.ledger, 'resealed', recipients);
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

    trimAcknowledgements: async (names) => {
      for (const acks of [keys.acks, ...names.map(keys.acksOf)]) {
        const keep = acks === keys.acks ? KEEP_SHARED : KEEP_ACKNOWLEDGEMENTS;
        await commands.acksTrim({ acks, keep, expireMs: EXPIRE_MS });
      }
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

/** A consumer from its entry: an org has one name, even if the entry names it `c`. */
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
 * The event that tells a consumer to read its entry again, in halves. It proves nothing; a forged event does
 * no harm.
 */
const changedEvent = (name: string, state: string): { head: string; tail: string } => {
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
  return {
    head: `${JSON.stringify(head).slice(0, -1)},"data":{"seq":`,
    tail: `,"state":${JSON.stringify(state)}}}`,
  };
};
