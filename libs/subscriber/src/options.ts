import { ConsumerName, namesDatabase } from '@rekey/schema';
import type { Redis, RedisOptions } from 'ioredis';
import type { HeldKey, RemovedKey, UnreadableKey } from './keys.ts';
import { SubscribeError } from './subscribe-error.ts';

export interface GatewayOptions {
  /** `HOST:PORT` of the gateway, or of the proxy before it. */
  address: string;
  /**
   * `true`: TLS with the certificate authorities that Node trusts. `false`: plain text. Default: plain text to
   * loopback addresses, TLS to all others. Files are read again for each new connection.
   */
  tls?:
    | boolean
    | {
        /** PEM text, or the path of a file: the authorities of the gateway's certificate. */
        ca?: string;
        /** The same: the service's own certificate. Goes with `key`. */
        cert?: string;
        key?: string;
        /** The name in the gateway's certificate, if it is not the host of the address. */
        serverName?: string;
      };
  /** An access token or JWT with the role `consumer:NAME`. It is never sent over plain text to other hosts. */
  token?: string;
  /** The path of a file with such a token, which is read again when it changes. */
  tokenFile?: string;
}

/** Exactly one of `redis` and `gateway` must be given. */
export interface SubscribeOptions {
  /**
   * An ioredis connection, which is only duplicated, never used or closed; options for one; or a URL. The
   * subscriber opens two connections. Redis Cluster is not supported.
   */
  redis?: Redis | RedisOptions | string | undefined;
  /** A gateway of Rekey, which the subscriber calls over gRPC: it then needs no access to Redis. */
  gateway?: GatewayOptions | undefined;
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
  /** The REKEY_PREFIX of gateway and workers. Default `rekey`. A gateway knows its own. */
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
  gateway,
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
  if ((redis === undefined) === (gateway === undefined))
    throw bad('redis', 'or gateway must be given, and not both');
  if (redis !== undefined) checkRedis(redis);
  if (gateway !== undefined) checkGateway(gateway);
  if (typeof privateKey !== 'string' && (typeof privateKey !== 'object' || privateKey === null))
    throw bad('privateKey', 'must be the path of a key file, its text, or a JWK Set');
  if (typeof mountedKeyFile !== 'boolean') throw bad('mountedKeyFile', 'must be true or false');
  if (typeof prefix !== 'string' || prefix === '') throw bad('prefix', 'must not be empty');
  inRange('leaseMs', leaseMs, 1000, 60_000);
  inRange('staleAfterMs', staleAfterMs, 1000, 86_400_000);
  inRange('readyTimeoutMs', readyTimeoutMs, 1, 86_400_000);
  return { consumer, prefix, leaseMs: Math.floor(leaseMs), staleAfterMs, readyTimeoutMs };
};

const checkRedis = (redis: NonNullable<SubscribeOptions['redis']>): void => {
  if (typeof redis !== 'string' && (typeof redis !== 'object' || redis === null))
    throw bad('redis', 'must be an ioredis connection, options for one, or a URL');
  if (typeof redis === 'object' && 'isCluster' in redis && redis.isCluster)
    throw bad('redis', 'must not be a Cluster: use a connection to the node that holds the prefix');
  if (!isDatabaseKnown(redis))
    throw bad('redis', 'must name a database by number, such as redis://HOST:6379/0, or no database');
};

const checkGateway = (gateway: GatewayOptions): void => {
  if (typeof gateway !== 'object' || gateway === null) throw bad('gateway', 'must be an object');
  const { address, token, tokenFile } = gateway;
  if (typeof address !== 'string' || address === '') throw bad('gateway.address', 'must be HOST:PORT');
  for (const [name, value] of Object.entries({ token, tokenFile }))
    if (value !== undefined && (typeof value !== 'string' || value === ''))
      throw bad(`gateway.${name}`, 'must be a text that is not empty');
  if (token !== undefined && tokenFile !== undefined)
    throw bad('gateway.token', 'and gateway.tokenFile must not both be given');
};

/** For a database that is not a number, ioredis silently uses another one. */
const isDatabaseKnown = (redis: NonNullable<SubscribeOptions['redis']>): boolean => {
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
