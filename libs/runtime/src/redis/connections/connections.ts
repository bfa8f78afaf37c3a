import { Redis, type RedisOptions } from 'ioredis';
import { closeUnresponsive, type CloseUnresponsiveOptions } from './close-unresponsive.ts';
import { manageConnection, type ConnectionFamily, type OnDisconnect } from './managed-connection.ts';
import { createDemotions, createOutages } from './outages.ts';
import type { RedisStatusListener } from './status-listener.ts';

const COMMAND_TIMEOUT_MS = 5000;
/** How often a Redis that loads its data is checked. */
const LOADING_RETRY_MS = 1000;

const optionsOf: Record<OnDisconnect, Omit<RedisOptions, 'replyMapping'>> = {
  fail: {
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    commandTimeout: COMMAND_TIMEOUT_MS,
    autoResendUnfulfilledCommands: false,
  },
  retry: { enableOfflineQueue: true, maxRetriesPerRequest: null, autoResendUnfulfilledCommands: true },
};

/** The connections of one process to one Redis. */
export interface RedisConnections {
  /** Returns a connection that reconnects until it is closed; so does each `duplicate` of it. */
  connect(options: { onDisconnect: OnDisconnect; name: string }): Redis;
  /**
   * For a process that ends: checks each connection, and closes those on which Redis has not responded for
   * `afterMs` (2 s), including those that never connected. Their pending commands are rejected, so that
   * callers can end. Nothing is closed while `hasUnsavedResults`.
   */
  closeUnresponsive(options?: CloseUnresponsiveOptions): void;
}

const backoffMs = (tries: number): number =>
  Math.min(50 * 2 ** Math.min(tries, 6), 2000) * (0.75 + Math.random() / 2);

/**
 * Makes the connections of a process to a Redis. Each of them, and each that BullMQ duplicates:
 * - reconnects when it is lost, when Redis no longer answers on it (see `watchAnswers`), and when Redis turns
 *   out to be a replica or to load its data, so that its host name is resolved again;
 * - is ready only on a Redis that can be used: a primary (unless `acceptReplicas`) with the database of the
 *   URL, which knows the user, of a supported version and kind. On any other, commands wait or fail as if
 *   Redis were unreachable.
 * When one of them finds that its Redis is no longer a primary, all reconnect: connections that only read or
 * listen would not notice.
 */
export const createRedisConnections = (
  url: string,
  { listener, acceptReplicas = false }: { listener: RedisStatusListener; acceptReplicas?: boolean },
): RedisConnections => {
  const demotions = createDemotions();
  const family: ConnectionFamily = {
    url,
    listener,
    acceptReplicas,
    open: new Map(),
    outages: createOutages(),
    demotions,
    wasReady: false,
  };
  return {
    connect: ({ onDisconnect, name }) => {
      const options: Omit<RedisOptions, 'replyMapping'> = {
        connectionName: `rekey:${name}`,
        connectTimeout: 5000,
        keepAlive: 10_000,
        maxLoadingRetryTime: LOADING_RETRY_MS,
        retryStrategy: (tries: number) => backoffMs(Math.max(tries, demotions.count())),
        ...optionsOf[onDisconnect],
      };
      return manageConnection(new Redis(url, options), { name, onDisconnect }, family);
    },
    closeUnresponsive: (options) => closeUnresponsive(() => family.open.keys(), options),
  };
};
