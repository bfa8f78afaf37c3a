/** The first word of a Redis error is its code. */
export const replyCode = (error: Error): string => /^[A-Z]+/.exec(error.message)?.[0] ?? '';

/** Replies that mean: retry later. */
const temporaryReplies = new Set([
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

/** The error of commands on a connection that is closed for good. */
export const CONNECTION_CLOSED = 'Connection is closed.';

/** ioredis gives these errors neither a code nor a name; they are its whole messages, as of 6.0. */
const connectionMessages = new Set([
  CONNECTION_CLOSED,
  // Of pipelines and transactions.
  'Command aborted due to connection close',
  'Command timed out',
  "Stream isn't writeable and enableOfflineQueue options is false",
]);

/** Whether an ioredis error means that Redis cannot be used at present, and not that a command is wrong. */
export const isRedisUnavailable = (error: unknown): boolean => {
  if (!(error instanceof Error)) return false;
  if (error.name === 'ReplyError') return temporaryReplies.has(replyCode(error));
  return (
    error.name === 'MaxRetriesPerRequestError' || 'syscall' in error || connectionMessages.has(error.message)
  );
};

/** The same, of a command in a script: of Redis 7.0, and of later versions. */
const REFUSED_IN_SCRIPT = /^ERR (?:The user executing the script can't|ACL failure in script)/;

/**
 * Whether the user of a connection lacks a right for a command. Redis then ran none of it; and a script of
 * Rekey that fails with this has written nothing.
 */
export const isRedisNotPermitted = (error: unknown): boolean =>
  error instanceof Error &&
  error.name === 'ReplyError' &&
  (replyCode(error) === 'NOPERM' || REFUSED_IN_SCRIPT.test(error.message));

/**
 * Whether an ioredis error means that Redis has no memory left for what a command would write. The command
 * then wrote nothing.
 */
export const isRedisFull = (error: unknown): boolean =>
  error instanceof Error && error.name === 'ReplyError' && error.message.startsWith('OOM ');
