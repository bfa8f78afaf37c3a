import { concealCredentials, limitReplies } from '@rekey/schema';
import { Redis, type RedisOptions } from 'ioredis';
import { EntryTooLong } from '../source/source.ts';
import { SubscribeError } from '../subscribe-error.ts';
import { isErrorReply } from './replies.ts';

/**
 * A pair of connections to one Redis: one waits for events, the other does everything else. A session is
 * never repaired: after a fault, the follower opens another one.
 */
export interface RedisSession {
  readonly waiting: Redis;
  readonly commands: Redis;
  /**
   * Awaits an answer on a connection (default: `commands`). If no byte arrives on it for `silentMs`, the
   * session ends. A long answer may take longer than that.
   */
  answer<T>(promise: Promise<T>, options?: { on?: Redis; silentMs?: number }): Promise<T>;
  /** Ends the session. All pending answers reject. Safe to call twice. */
  end(why?: Error): void;
}

/** Creates a connection that does not connect by itself. */
type Connect = () => Redis;

export const ANSWER_WITHIN_MS = 5000;
const CHECK_EVERY_MS = 250;
const CONNECT_WITHIN_MS = 10_000;

/** Options that hold for every connection of this library, however the service configures its own. */
const requiredOptions = {
  lazyConnect: true,
  // A broken session is replaced by another, which first checks whether it is the same Redis.
  retryStrategy: () => null,
  reconnectOnError: null,
  enableReadyCheck: true,
  enableOfflineQueue: true,
  maxRetriesPerRequest: null,
  autoResendUnfulfilledCommands: false,
  autoResubscribe: false,
  enableAutoPipelining: false,
  // Names are used exactly as the events contract defines them.
  keyPrefix: '',
  readOnly: false,
  monitor: false,
  stringNumbers: false,
  commandTimeout: undefined,
  blockingTimeout: undefined,
  socketTimeout: undefined,
  connectTimeout: 5000,
  keepAlive: 10_000,
} satisfies RedisOptions;

/** Connects as the service says: by a URL, by options, or like a connection of its own. */
export const connectAs = (redis: Redis | RedisOptions | string, connectionName: string): Connect => {
  if (typeof redis === 'string') return () => new Redis(redis, { ...requiredOptions, connectionName });
  if (isConnection(redis))
    return () => redis.duplicate({ ...requiredOptions, replyMapping: 'legacy', connectionName }) as Redis;
  return () => new Redis({ ...redis, ...requiredOptions, replyMapping: 'legacy', connectionName });
};

const isConnection = (redis: Redis | RedisOptions): redis is Redis =>
  typeof (redis as Redis).duplicate === 'function';

export const openSession = async (
  connect: Connect,
  signal: AbortSignal,
  onClose: () => void,
): Promise<RedisSession> => {
  const connections = [connect(), connect()] as const;
  for (const connection of connections) {
    concealCredentials(connection);
    limitReplies(connection);
  }
  let reason: Error | undefined;
  let ended = false;
  const end = (why?: Error) => {
    if (ended) return;
    ended = true;
    reason ??= why;
    signal.removeEventListener('abort', onAbort);
    for (const connection of connections) destroy(connection);
    onClose();
  };
  const onAbort = () => end();
  signal.addEventListener('abort', onAbort);
  for (const connection of connections) {
    // Without a listener, an error would end the process. It says more than the rejections that follow it.
    connection.on('error', (error: Error) => {
      const noDatabase = asMissingDatabase(error);
      if (noDatabase) end(noDatabase);
      reason ??= error;
    });
    connection.on('close', () => end(new Error('the connection to Redis was closed')));
  }
  const reasonOf = (error: unknown): unknown =>
    isErrorReply(error) || error instanceof EntryTooLong ? error : (reason ?? error);
  const noAnswerFor = (ms: number) => end(new Error(`Redis has not answered within ${ms} ms`));
  const answer: RedisSession['answer'] = async (
    promise,
    { on = connections[1], silentMs = ANSWER_WITHIN_MS } = {},
  ) => {
    try {
      return await awaitAnswer(promise, on, silentMs, () => noAnswerFor(silentMs));
    } catch (error) {
      throw reasonOf(error);
    }
  };
  const timer = setTimeout(() => noAnswerFor(CONNECT_WITHIN_MS), CONNECT_WITHIN_MS);
  try {
    await Promise.all(connections.map((connection) => connection.connect()));
  } catch (error) {
    end();
    throw reasonOf(error);
  } finally {
    clearTimeout(timer);
  }
  return { waiting: connections[0], commands: connections[1], answer, end };
};

const destroy = (connection: Redis): void => {
  const stream = connection.stream as typeof connection.stream | undefined;
  // If its stream is already closed, ioredis would wait for its end forever.
  if (!stream?.destroyed) connection.disconnect();
  // Otherwise the stream would wait for the other side to close, which may be frozen.
  stream?.destroy();
};

/** An error reply to SELECT ends the session: ioredis would continue in database 0. */
const asMissingDatabase = (error: Error): SubscribeError | undefined =>
  isErrorReply(error) && (error as { command?: { name?: string } }).command?.name === 'select'
    ? new SubscribeError('REDIS_REFUSED', `Redis has no such database: ${error.message}`, { cause: error })
    : undefined;

/** Calls `onSilence` if the connection receives no byte for `silentMs` before the answer. */
const awaitAnswer = async <T>(
  promise: Promise<T>,
  on: Redis,
  silentMs: number,
  onSilence: () => void,
): Promise<T> => {
  let bytesRead = on.stream.bytesRead;
  let leftMs = silentMs;
  let settled = false;
  const check = (elapsedMs: number): void => {
    leftMs = on.stream.bytesRead === bytesRead ? leftMs - elapsedMs : silentMs;
    bytesRead = on.stream.bytesRead;
  };
  // After a long turn of the service's own code, an answer may have arrived that has not been read yet.
  const checkAgain = (): void => {
    check(0);
    if (leftMs <= 0 && !settled) onSilence();
  };
  // It counts checks and not time: while the service itself is blocked, no time passes.
  const checking = setInterval(() => {
    check(CHECK_EVERY_MS);
    if (leftMs <= 0) setImmediate(checkAgain);
  }, CHECK_EVERY_MS);
  try {
    return await promise;
  } finally {
    settled = true;
    clearInterval(checking);
  }
};
