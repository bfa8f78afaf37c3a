import { unfitRedis } from '@rekey/schema';
import { Redis, type RedisOptions } from 'ioredis';
import { waitsMs, watchAnswers } from './answer-deadline.ts';
import type { Logger } from '../../logger.ts';
import { StartError, endWith } from '../../process/start-error.ts';

/**
 * How a connection behaves while Redis is away.
 * `fail`: commands are refused at once, and given up when unanswered for long; for those who answer
 * callers. `retry`: commands wait for it as long as it takes; for workers, whose results exist nowhere
 * else, and for BullMQ's blocking reads.
 */
export type OnDisconnect = 'fail' | 'retry';

const COMMAND_TIMEOUT_MS = 5000;
/** How soon Redis is asked again whether it has loaded its data. */
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

/**
 * What the owner of connections is told of them, once for each outage, and again if the reason becomes
 * another. No URL is quoted.
 */
export interface RedisStatusListener {
  /** Connections cannot be used, and are made anew until they can. Named is the one that noticed first. */
  onUnavailable(connection: string, reason: 'unreachable' | 'read-only', error: Error | undefined): void;
  /** All can be used again: Redis answers, and says that it is a primary. */
  onAvailable(): void;
  /**
   * Redis answers, and cannot be used as it is set up. `atStart`: no connection could ever be used so far.
   */
  onRefused(error: StartError, atStart: boolean): void;
}

/** The connections of one process to one Redis. */
export interface RedisConnections {
  /** A connection that is made anew until it is closed; so is each `duplicate` of it. */
  connect(options: { onDisconnect: OnDisconnect; name: string }): Redis;
  /**
   * For a process that ends: asks Redis on each connection whether it answers, and closes each on which it
   * has not for `afterMs` (2 s), also if it could not be made. Commands that wait on it are then rejected,
   * and their callers can end. Not while `hasUnsavedResults`, which is for results that would be lost.
   */
  closeUnresponsive(options?: { hasUnsavedResults?: () => boolean; afterMs?: number }): void;
}

const CLOSED = 'Connection is closed.';

/** Parts of ioredis that its types hide or do not mention. */
interface Internals {
  connector: { check(info: Record<string, string | undefined>): boolean };
  prevCommandQueue?: Redis['commandQueue'] | null;
  manuallyClosing: boolean;
  setStatus(status: 'end'): void;
  flushQueue(error: Error): void;
}
type CommandItem = Parameters<Redis['handleReconnection']>[1];
type Command = Parameters<Redis['sendCommand']>[0];

/**
 * Replies that say that another Redis has to be found, or this one waited for. What they answer was not done.
 */
const notPrimary = new Set(['READONLY', 'LOADING', 'MASTERDOWN', 'UNBLOCKED']);
/**
 * An outage that begins within this time of the last one is the same: Redis says that it is a primary, or
 * nothing of it, and takes no writes.
 */
const SAME_OUTAGE_MS = 10_000;

const backoffMs = (tries: number): number =>
  Math.min(50 * 2 ** Math.min(tries, 6), 2000) * (0.75 + Math.random() / 2);

/**
 * Makes the connections of a process to a Redis. Each of them, and each that BullMQ makes of one:
 * - is made anew when it is lost, when Redis no longer answers on it (see `watchAnswers`), and when Redis
 *   turns out to be a replica or to load its data, so that the name of its host is looked up again;
 * - is ready only on a Redis that can be used: on a primary (unless `replicas`), in the database of the URL,
 *   by a user that it knows, of a version and kind that are supported. On any other, commands wait or fail as
 *   while Redis is away.
 * When one of them finds that its Redis is no primary any more, all are made anew: those that only read or
 * listen would not notice.
 */
export const createRedisConnections = (
  url: string,
  { listener, acceptReplicas = false }: { listener: RedisStatusListener; acceptReplicas?: boolean },
): RedisConnections => {
  /** How each open connection leaves a Redis that is no primary. */
  const open = new Map<Redis, (error: Error) => void>();
  const outages = new Map<Redis, string>();
  let told: string | undefined;
  let wasReady = false;
  let demotions = 0;
  let demotedMs = Number.NEGATIVE_INFINITY;
  const recentDemotions = () => (performance.now() - demotedMs < SAME_OUTAGE_MS ? demotions : 0);

  const noteDemotion = (error: Error): void => {
    demotions = recentDemotions() + 1;
    demotedMs = performance.now();
    for (const leave of open.values()) leave(error);
  };
  const beginOutage = (redis: Redis, reason: string, report: () => void): void => {
    // That it is made anew says no more than why.
    if (reason === 'unreachable' ? outages.has(redis) : outages.get(redis) === reason) return;
    outages.set(redis, reason);
    if (reason === 'unreachable' ? told !== undefined : told === reason) return;
    told = reason;
    report();
  };
  const endOutage = (redis: Redis, report: () => void): void => {
    if (!outages.delete(redis) || outages.size > 0) return;
    told = undefined;
    report();
  };

  const equip = (redis: Redis, name: string, onDisconnect: OnDisconnect): Redis => {
    const internals = redis as unknown as Internals;
    let noDatabase: StartError | undefined;
    const onUnavailable = (reason: 'unreachable' | 'read-only', error?: Error) =>
      beginOutage(redis, reason, () => listener.onUnavailable(name, reason, error));
    const refuse = (error: StartError) =>
      beginOutage(redis, error.message, () => listener.onRefused(error, !wasReady));

    redis.on('error', (error: Error) => {
      const refusal = refusalOf(error, url);
      if (!refusal) return onUnavailable('unreachable', error);
      if (refusal.code === 'REDIS_DATABASE') noDatabase = refusal;
      else refuse(refusal);
    });
    redis.on('close', () => {
      if (redis.status !== 'end') onUnavailable('unreachable');
    });
    redis.on('ready', () => {
      wasReady = true;
      endOutage(redis, () => listener.onAvailable());
    });
    const leave = (error: Error) => {
      if (redis.status !== 'ready' || !redis.stream.writable) return;
      onUnavailable('read-only', error);
      redis.disconnect(true);
    };
    redis.on('connecting', () => open.set(redis, leave));
    redis.on('end', () => {
      open.delete(redis);
      endOutage(redis, () => {});
      // What was under way when an outage began, and has not been sent again yet.
      for (let item = internals.prevCommandQueue?.shift(); item; item = internals.prevCommandQueue?.shift())
        item.command.reject(new Error(CLOSED));
    });

    // ioredis asks this before it calls a connection ready; where it is not true, it makes it anew.
    internals.connector.check = (info) => {
      const unfit = unfitRedis((fact) => info[fact]);
      // ioredis goes on in database 0 where SELECT fails.
      const fault =
        unfit === undefined
          ? noDatabase
          : new StartError('REDIS_UNFIT', `REDIS_URL: ${addressOf(url)} ${unfit}.`);
      noDatabase = undefined;
      if (fault) refuse(fault);
      else if (info['role'] === 'slave' && !acceptReplicas)
        onUnavailable('read-only', new Error('it is a replica'));
      else return true;
      return false;
    };

    redis.handleReconnection = (error: Error, item: CommandItem) => {
      const command = item.command as unknown as Command;
      const code = replyCode(error);
      // What Redis says to a connection that it has no room for. Otherwise only the close that follows is
      // reported, and not during an outage.
      if (redis.status !== 'ready' && command.name === 'hello' && code === 'ERR')
        beginOutage(redis, error.message, () => listener.onUnavailable(name, 'unreachable', error));
      if (redis.status !== 'ready' || !notPrimary.has(code) || (acceptReplicas && code === 'READONLY'))
        return void command.reject(error);
      if (redis.stream.writable) noteDemotion(error);
      // Nothing of it was done. Those of a pipeline or a transaction belong together: whoever has sent them
      // sends them again.
      if (onDisconnect === 'retry' && command.pipelineIndex === undefined && !command.inTransaction)
        void redis.sendCommand(command);
      else command.reject(error);
    };

    // A user or password that is refused is no reason to reject what waits for Redis.
    const recover = redis.recoverFromFatalError.bind(redis);
    redis.recoverFromFatalError = (commandError, error, options) =>
      recover(commandError, error, { ...options, offlineQueue: false });

    // Between two tries ioredis has no stream to close: it would neither try again nor ever answer what
    // waits.
    const disconnect = redis.disconnect.bind(redis);
    redis.disconnect = (reconnect = false) => {
      if (redis.status !== 'reconnecting') return disconnect(reconnect);
      if (reconnect) return;
      disconnect();
      internals.manuallyClosing = false;
      internals.setStatus('end');
      internals.flushQueue(new Error(CLOSED));
    };

    const duplicate = redis.duplicate.bind(redis);
    redis.duplicate = (override) =>
      equip(duplicate(override), override?.connectionName ?? name, onDisconnect);

    watchAnswers(redis);
    writeTogether(redis);
    return redis;
  };

  return {
    connect: ({ onDisconnect, name }) => {
      const options: Omit<RedisOptions, 'replyMapping'> = {
        connectionName: `rekey:${name}`,
        connectTimeout: 5000,
        keepAlive: 10_000,
        maxLoadingRetryTime: LOADING_RETRY_MS,
        retryStrategy: (tries: number) => backoffMs(Math.max(tries, recentDemotions())),
        ...optionsOf[onDisconnect],
      };
      return equip(new Redis(url, options), name, onDisconnect);
    },
    closeUnresponsive: ({ hasUnsavedResults = () => false, afterMs = CLOSE_AFTER_MS } = {}) => {
      const lives = new Map<Redis, () => Life>();
      const silentMs = new Map<Redis, number>();
      setInterval(() => {
        for (const redis of open.keys()) if (!lives.has(redis)) lives.set(redis, createLifeCheck(redis));
        const now = [...open.keys()].map((redis) => ({ redis, life: lives.get(redis)!() }));
        const answersSome = now.some(({ life }) => life === 'answers');
        // One that blocks cannot be asked: it is judged by the others.
        for (const { redis, life } of now)
          silentMs.set(
            redis,
            life === 'answers' || (life === 'blocked' && answersSome)
              ? 0
              : (silentMs.get(redis) ?? 0) + LOOK_EVERY_MS,
          );
        if (hasUnsavedResults()) return;
        for (const { redis } of now) {
          if (silentMs.get(redis)! < afterMs) continue;
          redis.disconnect();
          // It would else wait for Redis to close its side.
          redis.stream?.destroy();
        }
      }, LOOK_EVERY_MS).unref();
    },
  };
};

const CLOSE_AFTER_MS = 2000;
const LOOK_EVERY_MS = 100;
/** An answer proves for this long that Redis answers: a PING is sent that often. */
const PING_EVERY_MS = 500;

type Life = 'answers' | 'silent' | 'blocked';

/**
 * Returns a function, to be called every LOOK_EVERY_MS, that says whether Redis answers on a connection. It
 * asks by PING, unless a blocking command is under way.
 */
const createLifeCheck = (redis: Redis): (() => Life) => {
  let bytesRead = redis.stream?.bytesRead;
  let provenForMs = 0;
  let asked: Redis['stream'] | undefined;
  return () => {
    if (redis.status !== 'ready') return 'silent';
    const { stream } = redis;
    provenForMs = stream.bytesRead === bytesRead ? provenForMs - LOOK_EVERY_MS : PING_EVERY_MS;
    bytesRead = stream.bytesRead;
    if (provenForMs > 0) return 'answers';
    const front = redis.commandQueue.peekFront()?.command as Command | undefined;
    if (front !== undefined && waitsMs(front) !== undefined) return 'blocked';
    if (asked !== stream) {
      asked = stream;
      redis
        .ping()
        .catch(() => {})
        .finally(() => (asked = undefined));
    }
    return 'silent';
  };
};

/** The host and port of a URL, without its user and password. */
const addressOf = (url: string): string => {
  const { hostname, port } = new URL(url);
  return `${hostname}:${port || 6379}`;
};

/** What an error in the handshake says of the URL; undefined if it is one of the network. */
const refusalOf = (error: Error, url: string): StartError | undefined => {
  if (error.name !== 'ReplyError') return undefined;
  const { name } = (error as { command?: { name?: string } }).command ?? {};
  const code = replyCode(error);
  const refused = (kind: string, message: string) =>
    new StartError(kind, `REDIS_URL: ${addressOf(url)} ${message}`);
  if (code === 'NOAUTH')
    return refused(
      'REDIS_REFUSED',
      'demands a user or a password (NOAUTH), and the URL has none: redis://USER:PASSWORD@HOST:PORT, or redis://:PASSWORD@HOST:PORT.',
    );
  if (code === 'WRONGPASS')
    return refused('REDIS_REFUSED', 'does not accept the user or the password of the URL (WRONGPASS).');
  if (name === 'select')
    return refused(
      'REDIS_DATABASE',
      `has no database ${new URL(url).pathname.slice(1)}: give the number of one that it has, or raise "databases" in its configuration.`,
    );
  return undefined;
};

/**
 * Reports to the log of a process, and ends it if its Redis cannot be used from the start. What runs is not
 * ended: what it holds may exist nowhere else.
 */
export const logRedisStatus = (url: string, logger: Logger): RedisStatusListener => {
  const log = logger.child({ redis: addressOf(url) });
  let ending = false;
  return {
    onUnavailable: (connection, reason, err) => {
      if (reason === 'unreachable') log.warn({ err, connection }, 'Redis is away; reconnecting');
      else
        log.warn(
          { err, connection },
          'Redis takes no writes: it is a replica, or loads its data; reconnecting until it does',
        );
    },
    onAvailable: () => log.info('Redis is back'),
    onRefused: (error, atStart) => {
      if (!atStart)
        return log.error({ code: error.code }, `${error.message} Reconnecting until that is mended`);
      if (ending) return;
      ending = true;
      endWith(error);
    },
  };
};

/** As much as Redis reads at once: where more has gathered, it has enough to do while the rest is made. */
const WRITTEN_AT_ONCE_BYTES = 16_384;

/**
 * Has the commands of one turn of the event loop leave in few writes: a write costs more than anything else
 * about a command, here and in Redis. Unlike ioredis's own auto-pipelining, it changes nothing in how each is
 * answered, refused or sent again.
 */
const writeTogether = (redis: Redis): void => {
  const send = redis.sendCommand.bind(redis);
  let corked: Redis['stream'] | undefined;
  redis.sendCommand = (command, pipeline) => {
    const { stream } = redis;
    // Before the first connection there is none.
    if (stream?.writable && stream !== corked) {
      corked = stream;
      stream.cork();
      setImmediate(() => {
        corked = undefined;
        stream.uncork();
      });
    }
    const sent = send(command, pipeline);
    if (stream && stream === corked && stream.writableLength > WRITTEN_AT_ONCE_BYTES) {
      stream.uncork();
      stream.cork();
    }
    return sent;
  };
};

const HEALTH_MARK_TTL_MS = 60_000;

/**
 * Why Redis takes no writes now; undefined if it has taken one within the time. `mark`: a key that this
 * process alone writes. One that has no memory left is healthy: what it still does is watched elsewhere.
 */
export const probeWrite = async (
  redis: Redis,
  mark: string,
  withinMs: number,
): Promise<Error | undefined> => {
  if (redis.status !== 'ready') return new Error(`the connection is not ready (${redis.status})`);
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<Error>(
    (resolve) =>
      (timer = setTimeout(
        () => resolve(new Error(`Redis has not answered a write within ${withinMs} ms`)),
        withinMs,
      )),
  );
  const written = redis.set(mark, '', 'PX', HEALTH_MARK_TTL_MS).then(
    () => undefined,
    (error: Error) => (isRedisFull(error) ? undefined : error),
  );
  return Promise.race([written, late]).finally(() => clearTimeout(timer));
};

/** The first word of a Redis error is its code. */
const replyCode = (error: Error): string => /^[A-Z]+/.exec(error.message)?.[0] ?? '';

/** Replies that say: not now. */
const notNow = new Set([
  'UNBLOCKED',
  'LOADING',
  'READONLY',
  'MASTERDOWN',
  'CLUSTERDOWN',
  'TRYAGAIN',
  'NOREPLICAS',
  'OOM',
  'MISCONF',
  'BUSY',
  'NOPERM',
]);

/**
 * Whether an error of ioredis's means that Redis cannot be used at present, and not that a command is wrong.
 */
export const isRedisUnavailable = (error: unknown): boolean => {
  if (!(error instanceof Error)) return false;
  if (error.name === 'ReplyError') return notNow.has(replyCode(error));
  return (
    error.name === 'MaxRetriesPerRequestError' || 'syscall' in error || connectionMessages.has(error.message)
  );
};

/**
 * Whether an error of ioredis's means that Redis has no memory for what a command would write. It has written
 * nothing then.
 */
export const isRedisFull = (error: unknown): boolean =>
  error instanceof Error && error.name === 'ReplyError' && error.message.startsWith('OOM ');

/** ioredis gives these errors neither a code nor a name; they are its whole messages, as of 6.0. */
const connectionMessages = new Set([
  'Connection is closed.',
  // Of pipelines and transactions.
  'Command aborted due to connection close',
  'Command timed out',
  "Stream isn't writeable and enableOfflineQueue options is false",
]);
