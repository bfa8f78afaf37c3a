import { Redis, type RedisOptions } from 'ioredis';
import { SubscribeError } from '../subscribe-error.ts';

/**
 * A pair of connections to one Redis: one waits for events, one does everything else. It is never mended:
 * after a fault another one is opened.
 */
export interface Session {
  readonly waiting: Redis;
  readonly commands: Redis;
  /**
   * Awaits an answer on a connection (`commands` if not given). The session ends if nothing comes on it for
   * that time: a long answer may take longer.
   */
  answer<T>(promise: Promise<T>, options?: { on?: Redis; silentMs?: number }): Promise<T>;
  /** Ends it: whatever waits for an answer is rejected. Safe to call twice. */
  end(why?: Error): void;
}

/** Makes a connection, which does not connect by itself. */
export type Connect = () => Redis;

export const ANSWER_WITHIN_MS = 5000;
const LOOK_EVERY_MS = 250;
const CONNECT_WITHIN_MS = 10_000;

/** Whatever else the service uses its own connection for, this library's are like this. */
const manners = {
  lazyConnect: true,
  // A session that breaks is replaced by another, which looks first whether it is the same Redis.
  retryStrategy: () => null,
  reconnectOnError: null,
  enableReadyCheck: true,
  enableOfflineQueue: true,
  maxRetriesPerRequest: null,
  autoResendUnfulfilledCommands: false,
  autoResubscribe: false,
  enableAutoPipelining: false,
  // Names are as docs/events.md has them.
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

/** How to connect as a service says: by a URL, by options, or as a connection of its own does. */
export const connectAs = (redis: Redis | RedisOptions | string, connectionName: string): Connect => {
  if (typeof redis === 'string') return () => new Redis(redis, { ...manners, connectionName });
  if (isConnection(redis))
    return () => redis.duplicate({ ...manners, replyMapping: 'legacy', connectionName }) as Redis;
  return () => new Redis({ ...redis, ...manners, replyMapping: 'legacy', connectionName });
};

const isConnection = (redis: Redis | RedisOptions): redis is Redis =>
  typeof (redis as Redis).duplicate === 'function';

export const openSession = async (
  connect: Connect,
  signal: AbortSignal,
  onClose: () => void,
): Promise<Session> => {
  const connections = [connect(), connect()] as const;
  let reason: Error | undefined;
  let ended = false;
  const end = (why?: Error) => {
    if (ended) return;
    ended = true;
    reason ??= why;
    signal.removeEventListener('abort', onAbort);
    for (const connection of connections) {
      const stream = connection.stream as typeof connection.stream | undefined;
      // Where there is none left to close, ioredis would wait for its end all the same.
      if (!stream?.destroyed) connection.disconnect();
      // It would else wait for the other side to agree, which may be frozen.
      stream?.destroy();
    }
    onClose();
  };
  const onAbort = () => end();
  signal.addEventListener('abort', onAbort);
  for (const connection of connections) {
    // Else an error that nobody listens for would end the process. It says more than the rejections that
    // follow it.
    connection.on('error', (error: Error) => {
      // ioredis goes on in database 0.
      if (isReply(error) && (error as { command?: { name?: string } }).command?.name === 'select')
        end(
          new SubscribeError('REDIS_REFUSED', `Redis has no such database: ${error.message}`, {
            cause: error,
          }),
        );
      reason ??= error;
    });
    connection.on('close', () => end(new Error('the connection to Redis was closed')));
  }
  const reasonOf = (error: unknown): unknown => (isReply(error) ? error : (reason ?? error));
  const answer: Session['answer'] = async (
    promise,
    { on = connections[1], silentMs = ANSWER_WITHIN_MS } = {},
  ) => {
    let bytesRead = on.stream.bytesRead;
    let leftMs = silentMs;
    let settled = false;
    const look = (lookMs: number): void => {
      leftMs = on.stream.bytesRead === bytesRead ? leftMs - lookMs : silentMs;
      bytesRead = on.stream.bytesRead;
    };
    // After a long turn of the service's own, an answer may be there that has not been read yet.
    const lookAgain = (): void => {
      look(0);
      if (leftMs <= 0 && !settled) end(new Error(`Redis has not answered within ${silentMs} ms`));
    };
    // Looks, not a clock: while the service itself is held up, no time goes by.
    const looking = setInterval(() => {
      look(LOOK_EVERY_MS);
      if (leftMs <= 0) setImmediate(lookAgain);
    }, LOOK_EVERY_MS);
    try {
      return await promise;
    } catch (error) {
      throw reasonOf(error);
    } finally {
      settled = true;
      clearInterval(looking);
    }
  };
  const connected = async (): Promise<void> => {
    const timer = setTimeout(
      () => end(new Error(`Redis has not answered within ${CONNECT_WITHIN_MS} ms`)),
      CONNECT_WITHIN_MS,
    );
    try {
      await Promise.all(connections.map((connection) => connection.connect()));
    } catch (error) {
      throw reasonOf(error);
    } finally {
      clearTimeout(timer);
    }
  };
  try {
    await connected();
  } catch (error) {
    end();
    throw error;
  }
  return { waiting: connections[0], commands: connections[1], answer, end };
};

/** Whether Redis itself has answered with an error. */
export const isReply = (error: unknown): error is Error =>
  (error as Partial<Error> | null)?.name === 'ReplyError';
/** Its first word, which is its code. */
export const replyCode = (error: Error): string => /^[A-Z]+/.exec(error.message)?.[0] ?? '';
