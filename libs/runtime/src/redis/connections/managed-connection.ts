import { concealCredentials, limitReplies, unfitRedis } from '@rekey/schema';
import type { Redis } from 'ioredis';
import { StartError } from '../../process/start-error.ts';
import { keepTimersOfCommands } from '../command-timers.ts';
import { releaseAnsweredCommands } from '../release-commands.ts';
import { CONNECTION_CLOSED, replyCode } from '../redis-errors.ts';
import { watchAnswers, type Command } from './answer-deadline.ts';
import { coalesceWrites } from './coalesce-writes.ts';
import { UNREACHABLE, type Demotions, type Outages } from './outages.ts';
import { addressOf, refusalOf } from './refusal.ts';
import type { RedisStatusListener } from './status-listener.ts';

/**
 * What happens to commands while there is no Redis that can be used.
 * `fail`: rejected at once, and rejected if unanswered for long; for processes that answer callers.
 * `retry`: kept and resent until they succeed, however long that takes; for workers, whose results exist
 * nowhere else, and for BullMQ's blocking reads.
 */
export type OnDisconnect = 'fail' | 'retry';

/** What the connections of a process share. */
export interface ConnectionFamily {
  readonly url: string;
  readonly listener: RedisStatusListener;
  readonly acceptReplicas: boolean;
  /** The open connections, and how each leaves a Redis that is not a primary. */
  readonly open: Map<Redis, (error: Error) => void>;
  readonly outages: Outages;
  readonly demotions: Demotions;
  /** Whether any connection was ever ready. */
  wasReady: boolean;
}

interface Settings {
  name: string;
  onDisconnect: OnDisconnect;
}

/** Parts of ioredis that its types hide or do not mention. */
interface Internals {
  connector: { check(info: Record<string, string | undefined>): boolean };
  prevCommandQueue?: Redis['commandQueue'] | null;
  manuallyClosing: boolean;
  setStatus(status: 'end'): void;
  flushQueue(error: Error): void;
}
const internalsOf = (redis: Redis): Internals => redis as unknown as Internals;
type CommandItem = Parameters<Redis['handleReconnection']>[1];

/** A connection with its family, as the functions below take it. */
interface Managed extends Settings {
  readonly redis: Redis;
  readonly family: ConnectionFamily;
  /** Reports that the connection cannot be used at present. */
  lose(reason: 'unreachable' | 'read-only', error?: Error): void;
  /** Reports that its Redis cannot be used as configured. */
  refuse(error: StartError): void;
  /** The refusal of SELECT during the current handshake. */
  noDatabase: StartError | undefined;
}

/** Replies that mean: reconnect, or wait for this Redis. The command they answer was not executed. */
const notPrimary = new Set(['READONLY', 'LOADING', 'MASTERDOWN', 'UNBLOCKED']);

/** Gives a connection, and each duplicate of it, what `createRedisConnections` promises. */
export const manageConnection = (redis: Redis, settings: Settings, family: ConnectionFamily): Redis => {
  const { listener, outages } = family;
  const managed: Managed = {
    ...settings,
    redis,
    family,
    noDatabase: undefined,
    lose: (reason, error) =>
      outages.begin(redis, reason, () => listener.onUnavailable(settings.name, reason, error)),
    refuse: (error) => outages.begin(redis, error.message, () => listener.onRefused(error, !family.wasReady)),
  };
  keepTimersOfCommands();
  releaseAnsweredCommands();
  concealCredentials(redis);
  followLifecycle(managed);
  acceptOnlyUsableRedis(managed);
  resendRefusedCommands(managed);
  keepQueueOnFatalError(redis);
  allowDisconnectBetweenTries(redis);

  const duplicate = redis.duplicate.bind(redis);
  redis.duplicate = (override) => {
    const name = override?.connectionName ?? settings.name;
    return manageConnection(duplicate(override), { ...settings, name }, family);
  };
  limitReplies(redis);
  watchAnswers(redis);
  coalesceWrites(redis);
  return redis;
};

const followLifecycle = (managed: Managed): void => {
  const { redis, family, lose, refuse } = managed;
  redis.on('error', (error: Error) => {
    const refusal = refusalOf(error, family.url);
    if (!refusal) return lose(UNREACHABLE, error);
    if (refusal.code === 'REDIS_DATABASE') managed.noDatabase = refusal;
    else refuse(refusal);
  });
  redis.on('close', () => {
    if (redis.status !== 'end') lose(UNREACHABLE);
  });
  redis.on('ready', () => {
    family.wasReady = true;
    family.outages.end(redis, () => family.listener.onAvailable());
  });
  const leave = (error: Error) => {
    if (redis.status !== 'ready' || !redis.stream.writable) return;
    lose('read-only', error);
    redis.disconnect(true);
  };
  redis.on('connecting', () => family.open.set(redis, leave));
  redis.on('end', () => {
    family.open.delete(redis);
    family.outages.end(redis, () => {});
    rejectUnsent(internalsOf(redis));
  });
};

/** Rejects the commands that were in flight when an outage began and have not been resent. */
const rejectUnsent = ({ prevCommandQueue: unsent }: Internals): void => {
  for (let item = unsent?.shift(); item; item = unsent?.shift())
    item.command.reject(new Error(CONNECTION_CLOSED));
};

/** ioredis calls `check` before a connection is ready; it reconnects if that returns false. */
const acceptOnlyUsableRedis = (managed: Managed): void => {
  const { redis, family, lose, refuse } = managed;
  internalsOf(redis).connector.check = (info) => {
    const unfit = unfitRedis((fact) => info[fact]);
    // If SELECT fails, ioredis would continue in database 0.
    const fault =
      unfit === undefined
        ? managed.noDatabase
        : new StartError('REDIS_UNFIT', `REDIS_URL: ${addressOf(family.url)} ${unfit}.`);
    managed.noDatabase = undefined;
    if (fault) refuse(fault);
    else if (info['role'] === 'slave' && !family.acceptReplicas)
      lose('read-only', new Error('it is a replica'));
    else return true;
    return false;
  };
};

/** ioredis calls `handleReconnection` with each error reply. */
const resendRefusedCommands = ({ redis, family, name, onDisconnect }: Managed): void => {
  const { acceptReplicas, demotions, listener, open, outages } = family;
  const leaveAll = (error: Error): void => {
    demotions.add();
    for (const leave of open.values()) leave(error);
  };
  redis.handleReconnection = (error: Error, item: CommandItem) => {
    const command = item.command as unknown as Command;
    const code = replyCode(error);
    const inHandshake = redis.status !== 'ready';
    // The reply of a Redis that has no room for the connection. Without this, only the close that follows
    // would be reported, and only if no outage is known.
    if (inHandshake && command.name === 'hello' && code === 'ERR')
      outages.begin(redis, error.message, () => listener.onUnavailable(name, UNREACHABLE, error));
    if (inHandshake || !notPrimary.has(code) || (acceptReplicas && code === 'READONLY'))
      return void command.reject(error);
    if (redis.stream.writable) leaveAll(error);
    // The command was not executed. Commands of a pipeline or transaction belong together: its sender
    // resends them.
    if (onDisconnect === 'retry' && command.pipelineIndex === undefined && !command.inTransaction)
      void redis.sendCommand(command);
    else command.reject(error);
  };
};

/** A refused user or password is no reason to reject the commands that wait for Redis. */
const keepQueueOnFatalError = (redis: Redis): void => {
  const recover = redis.recoverFromFatalError.bind(redis);
  redis.recoverFromFatalError = (commandError, error, options) =>
    recover(commandError, error, { ...options, offlineQueue: false });
};

/**
 * ioredis subscribes again by itself after an outage, and nobody awaits that: if the connection is closed
 * meanwhile, it would be an unhandled rejection. Whoever awaits a command learns of it all the same.
 */
const expectRejections = ({ commandQueue }: Redis): void => {
  for (const { command } of commandQueue.toArray()) (command as unknown as Command).promise.catch(() => {});
};

/**
 * Between two tries ioredis has no stream to close: its `disconnect` would leave the connection in a state in
 * which it never reconnects and never answers pending commands.
 */
const allowDisconnectBetweenTries = (redis: Redis): void => {
  const disconnect = redis.disconnect.bind(redis);
  redis.disconnect = (reconnect = false) => {
    if (!reconnect) expectRejections(redis);
    if (redis.status !== 'reconnecting') return disconnect(reconnect);
    if (reconnect) return;
    disconnect();
    const internals = internalsOf(redis);
    internals.manuallyClosing = false;
    internals.setStatus('end');
    internals.flushQueue(new Error(CONNECTION_CLOSED));
  };
};
