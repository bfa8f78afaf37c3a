import { ConsumerName, namesDatabase } from '@rekey/schema';
import type { Redis, RedisOptions } from 'ioredis';
import type { HeldKey, RemovedKey, UnreadableKey } from './keys.ts';
import { SubscribeError } from './subscribe-error.ts';

export interface SubscribeOptions {
  /**
   * An ioredis connection, which is only duplicated, never used or closed; options for one; or a URL. The
   * subscriber opens two connections. Redis Cluster is not supported.
   */
  redis: Redis | RedisOptions | string;
  /** The name of the consumer in `rekey consumer add NAME`. */
  consumer: string;
  /**
   * The consumer's key file, as `rekey consumer keygen` writes it: its path, its text, or the JWK Set.
   */
  privateKey: string | object;
  /**
   * The key file is mounted into a container of its own, whose platform sets owner and mode (Docker 0444,
   * Kubernetes 0644, a volume with `fsGroup` 0660): any owner, group and reader is accepted. Default false.
   */
  mountedKeyFile?: boolean;
  /** The REKEY_PREFIX of gateway and workers. Default `rekey`. */
  prefix?: string;
  /**
   * Rekey considers this process gone after this time without a sign of life. 1000 to 60,000; default 10,000.
   */
  leaseMs?: number;
  /** How far behind the keys may be before they count as stale. At least 1000; default 3000. */
  staleAfterMs?: number;
  /** How long `subscribe` waits for Redis and for the end of the enrolment. Default 30,000. */
  readyTimeoutMs?: number;
  /**
   * Called after events were applied, before that is acknowledged; one call at a time. While it rejects, the
   * position is not acknowledged, each acknowledgement reports one more unapplied event with the message of
   * the error, and the call is repeated. The message must not contain a secret.
   */
  beforeAcknowledge?: (applied: Applied) => Promise<void>;
  /**
   * Keys to start with, such as those that an earlier process has stored: `subscribe` resolves at once, and
   * never rejects because of Redis. They count as held: no key returns to an older version. They count as
   * stale until the first snapshot, which `fresh` announces.
   */
  restore?: Restored;
  /** Aborts `subscribe` before it resolves. */
  signal?: AbortSignal;
}

/** The entry of the event stream up to which everything has been applied, and its number. */
export interface Applied {
  position: string;
  seq: number;
}

export interface Restored {
  /** As `keys.current` has returned them. */
  keys: Iterable<HeldKey | RemovedKey | UnreadableKey>;
  /** When they were complete; a time in the future counts as now. */
  provenAt: Date;
}

export type Settings = Required<
  Pick<SubscribeOptions, 'consumer' | 'prefix' | 'leaseMs' | 'staleAfterMs' | 'readyTimeoutMs'>
>;

/** Throws SubscribeError with BAD_OPTION. */
export const settingsOf = ({
  redis,
  consumer,
  privateKey,
  mountedKeyFile = false,
  prefix = 'rekey',
  leaseMs = 10_000,
  staleAfterMs = 3000,
  readyTimeoutMs = 30_000,
}: SubscribeOptions): Settings => {
  const complaint = ConsumerName.safeParse(consumer).error?.issues[0]?.message;
  if (complaint !== undefined) throw bad('consumer', complaint);
  if (typeof redis !== 'string' && (typeof redis !== 'object' || redis === null))
    throw bad('redis', 'must be an ioredis connection, options for one, or a URL');
  if (typeof redis === 'object' && 'isCluster' in redis && redis.isCluster)
    throw bad('redis', 'must not be a Cluster: use a connection to the node that holds the prefix');
  if (!isDatabaseKnown(redis))
    throw bad('redis', 'must name a database by number, such as redis://HOST:6379/0, or no database');
  if (typeof privateKey !== 'string' && (typeof privateKey !== 'object' || privateKey === null))
    throw bad('privateKey', 'must be the path of a key file, its text, or a JWK Set');
  if (typeof mountedKeyFile !== 'boolean') throw bad('mountedKeyFile', 'must be true or false');
  if (typeof prefix !== 'string' || prefix === '') throw bad('prefix', 'must not be empty');
  inRange('leaseMs', leaseMs, 1000, 60_000);
  inRange('staleAfterMs', staleAfterMs, 1000, 86_400_000);
  inRange('readyTimeoutMs', readyTimeoutMs, 1, 86_400_000);
  return { consumer, prefix, leaseMs: Math.floor(leaseMs), staleAfterMs, readyTimeoutMs };
};

/** For a database that is not a number, ioredis silently uses another one. */
const isDatabaseKnown = (redis: SubscribeOptions['redis']): boolean => {
  if (typeof redis === 'string')
    return !/^rediss?:/i.test(redis) || (URL.canParse(redis) && namesDatabase(new URL(redis)));
  const { db } = 'duplicate' in redis ? redis.options : redis;
  return db === undefined || db === null || /^\d+$/.test(String(db));
};

const inRange = (option: string, value: number, least: number, most: number): void => {
  if (!(value >= least && value <= most)) throw bad(option, `must be from ${least} to ${most}`);
};
const bad = (option: string, complaint: string): SubscribeError =>
  new SubscribeError('BAD_OPTION', `${option} ${complaint}`);
