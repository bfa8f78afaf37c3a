import { Redis, type RedisOptions } from 'ioredis';
import type { Logger } from './logger.ts';

/**
 * How a connection behaves while Redis is away.
 * `fail-fast`: commands are refused at once, and given up when unanswered for long; for those who answer callers.
 * `patient`: commands wait for it as long as it takes; for workers, whose results exist nowhere else, and for BullMQ's blocking reads.
 */
export type RedisManners = 'fail-fast' | 'patient';

const COMMAND_TIMEOUT_MS = 5000;

const manners: Record<RedisManners, Omit<RedisOptions, 'replyMapping'>> = {
  'fail-fast': { enableOfflineQueue: false, maxRetriesPerRequest: 0, commandTimeout: COMMAND_TIMEOUT_MS, autoResendUnfulfilledCommands: false },
  patient: { enableOfflineQueue: true, maxRetriesPerRequest: null, autoResendUnfulfilledCommands: true },
};

/** A connection that goes on reconnecting until it is closed. Each outage is logged once, with the host but never the URL. */
export const connectRedis = (url: string, { mannered, name, logger }: { mannered: RedisManners; name: string; logger: Logger }): Redis => {
  const options: Omit<RedisOptions, 'replyMapping'> = {
    connectionName: `rekey:${name}`,
    connectTimeout: 5000,
    keepAlive: 10_000,
    retryStrategy: (tries: number) => Math.min(50 * 2 ** Math.min(tries, 6), 2000) * (0.75 + Math.random() / 2),
    ...manners[mannered],
  };
  const redis = new Redis(url, options);
  writeTogether(redis);
  const { hostname, port } = new URL(url);
  const log = logger.child({ redis: `${hostname}:${port || 6379}`, connection: name });
  let away = false;
  const onAway = (err?: Error) => {
    if (!away) log.warn({ err }, 'Redis is away; reconnecting');
    away = true;
  };
  redis.on('error', onAway);
  redis.on('close', () => {
    if (redis.status !== 'end') onAway();
  });
  redis.on('ready', () => {
    if (away) log.info('Redis is back');
    away = false;
  });
  return redis;
};

/** As much as Redis reads at once: where more has gathered, it has enough to do while the rest is made. */
const WRITTEN_AT_ONCE_BYTES = 16_384;

/**
 * Has the commands of one turn of the event loop leave in few writes: a write costs more than anything else about a command, here and
 * in Redis. Unlike ioredis's own auto-pipelining, it changes nothing in how each is answered, refused or sent again.
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

/** Resolves when Redis has answered, within the time. */
export const answersPing = async (redis: Redis, withinMs: number): Promise<boolean> => {
  if (redis.status !== 'ready') return false;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => (timer = setTimeout(resolve, withinMs, false)));
  try {
    return await Promise.race([redis.ping().then(() => true), late]);
  } catch {
    return false;
  } finally {
    clearTimeout(timer);
  }
};

/** Replies that say: not now. The first word of a Redis error is its code. */
const notNow = new Set(['LOADING', 'READONLY', 'MASTERDOWN', 'CLUSTERDOWN', 'TRYAGAIN', 'NOREPLICAS', 'OOM', 'MISCONF', 'BUSY', 'NOPERM']);

/** Whether an error of ioredis's means that Redis cannot be used at present, and not that a command is wrong. */
export const isRedisAway = (error: unknown): boolean => {
  if (!(error instanceof Error)) return false;
  if (error.name === 'ReplyError') return notNow.has(/^[A-Z]+/.exec(error.message)?.[0] ?? '');
  return error.name === 'MaxRetriesPerRequestError' || 'syscall' in error || connectionMessages.has(error.message);
};

/** Whether an error of ioredis's means that Redis has no memory for what a command would write. It has written nothing then. */
export const isRedisFull = (error: unknown): boolean => error instanceof Error && error.name === 'ReplyError' && error.message.startsWith('OOM ');

/** ioredis gives these errors neither a code nor a name; they are its whole messages, as of 6.0. */
const connectionMessages = new Set([
  'Connection is closed.',
  // Of pipelines and transactions.
  'Command aborted due to connection close',
  'Command timed out',
  "Stream isn't writeable and enableOfflineQueue options is false",
]);
