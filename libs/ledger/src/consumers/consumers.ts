import { createHash } from 'node:crypto';
import { RekeyError, parseJson } from '@rekey/schema';
import type { Connection } from '../connection.ts';
import type { SeenConsumer } from '../registry/believed.ts';
import type { Registry } from '../registry/registry.ts';
import type { ConsumerWrite } from '../registry/write.ts';
import { redisNowMs } from '../time/redis-now.ts';
import { readAcknowledgedMs } from './acknowledged-at.ts';
import { consumersCommands } from './commands.generated.ts';

/** An event that replaces the one that was read: the same content, sealed for other recipients. */
export interface Resealed {
  assistantId: string;
  /** The event that puts it in doubt, not its current one. */
  uncertain: boolean;
  before: string;
  after: string;
}

/**
 * `consumers` rises with each change of what this process believes. `recipients` is another one if records
 * are sealed for others from then on, and `resealed` is the one up to which all records are sealed: texts,
 * which are only compared.
 */
interface ConsumerRevisions {
  consumers: number;
  recipients: string;
  resealed: string;
}

/** The consumers that the registry proves, and the records that are sealed for them. */
export interface Consumers {
  revisions(): Promise<ConsumerRevisions>;
  /** All consumers, by name. `unreadable` names those whose entry cannot be read, though it is proved. */
  list(): Promise<{ consumers: SeenConsumer[]; unreadable: string[] }>;
  get(name: string): Promise<SeenConsumer | undefined>;
  /** See ConsumerWrite. */
  write: ConsumerWrite;
  /** Replaces events that have not changed since they were read; returns how many. */
  reseal(events: Resealed[]): Promise<number>;
  /** Notes the revision up to which everything published is sealed for its recipients. */
  noteResealed(recipients: string): Promise<void>;
  /** Takes the lock under which records are resealed, or renews it; false if another worker has it. */
  lockResealing(token: string, leaseMs: number): Promise<boolean>;
  /** Releases that lock, if this worker has it. */
  unlockResealing(token: string): Promise<void>;
  /**
   * The number of events after the entry of this position and `seq`, and the age of the first of them.
   */
  lagOf(position: string, seq: number): Promise<{ events: number; ms: number }>;
  /** Trims the streams of acknowledgements of these consumers, and the shared one. */
  trimAcknowledgements(names: readonly string[]): Promise<void>;
  /** The last entry of the event stream; 0-0 if there is none. */
  lastEntry(): Promise<string>;
  /** When Redis received an acknowledgement of an entry from each of these instances. It proves nothing. */
  acknowledgedMs(name: string, entry: string, instances: readonly string[]): Promise<number | undefined>;
  /** Redis time, in ms since 1970. */
  nowMs(): Promise<number>;
  /** Rekey's public key, which consumers trust: workers note it, and it is read to set up a consumer. */
  noteSigner(publicJwk: object): Promise<void>;
  signer(): Promise<object | undefined>;
}

const KEEP_ACKNOWLEDGEMENTS = 5000;
/** Of the stream of all earlier consumers, which trim it to the same length. */
const KEEP_SHARED = 20_000;
/** The stream of a consumer that was removed is no longer trimmed. */
const EXPIRE_MS = 86_400_000;

type Commands = ReturnType<typeof consumersCommands>;

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

const createAcknowledgedMs =
  ({ redis, keys }: Connection): Consumers['acknowledgedMs'] =>
  (name, entry, instances) =>
    readAcknowledgedMs(
      { redis, prefix: keys.prefix.slice(1, -1), acks: keys.acksOf(name) },
      entry,
      instances,
    );

export const openConsumers = (connection: Connection, registry: Registry): Consumers => {
  const { redis, keys, run } = connection;
  const commands = consumersCommands(run);

  return {
    revisions: async () => {
      const { version, recipients, resealed } = await registry.look();
      return { consumers: version, recipients, resealed };
    },
    write: registry.write,
    reseal: createReseal(connection, commands),

    list: async () => {
      await registry.look();
      return registry.list();
    },

    get: async (name) => {
      await registry.look();
      if (registry.list().unreadable.includes(name)) throw new RekeyError('LEDGER_CORRUPT');
      return registry.get(name);
    },

    noteResealed: async (recipients) => {
      await redis.hset(keys.ledger, 'resealed', recipients);
    },

    lockResealing: async (token, leaseMs) => {
      if ((await redis.set(keys.resealing, token, 'PX', leaseMs, 'NX')) === 'OK') return true;
      const holder = await redis.get(keys.resealing).catch(() => undefined);
      if (holder === token) return (await redis.pexpire(keys.resealing, leaseMs)) === 1;
      // Another client can have written a lock that does not end.
      const restMs = await redis.pttl(keys.resealing);
      if (restMs === -1 || restMs > leaseMs) await redis.pexpire(keys.resealing, leaseMs);
      return false;
    },

    unlockResealing: async (token) => {
      if ((await redis.get(keys.resealing)) === token) await redis.del(keys.resealing);
    },

    lagOf: async (position, seq) => {
      const [last, [next], nowMs] = await Promise.all([
        redis.get(keys.seq),
        redis.xrange(keys.events, `(${position}`, '+', 'COUNT', 1),
        redisNowMs(redis),
      ]);
      if (!next) return { events: 0, ms: 0 };
      // Another client can have written what is no number.
      const lastSeq = Number.isSafeInteger(Number(last)) ? Number(last) : 0;
      return {
        events: Math.max(lastSeq - seq, 0),
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

    acknowledgedMs: createAcknowledgedMs(connection),
    nowMs: () => redisNowMs(redis),

    noteSigner: async (publicJwk) => {
      await redis.hset(keys.ledger, 'signer', JSON.stringify(publicJwk));
    },
    signer: async () => {
      const text = await redis.hget(keys.ledger, 'signer');
      if (text === null) return undefined;
      const signer = parseJson(text);
      if (typeof signer === 'object' && signer !== null) return signer;
      throw new RekeyError('LEDGER_CORRUPT');
    },
  };
};
