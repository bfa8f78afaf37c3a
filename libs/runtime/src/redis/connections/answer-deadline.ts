import type { Redis } from 'ioredis';

const CHECK_EVERY_MS = 500;
/** A connection without a pending command is pinged after this long without a byte. */
const PING_AFTER_MS = 5000;
/** Redis answers within this time, apart from the time that a blocking command asks it to wait. */
const ANSWER_WITHIN_MS = 5000;
/**
 * The slowest network that a long command is waited for once it has left the process: 2 Mbit/s. Buffers on
 * the way hold megabytes.
 */
const SLOWEST_BYTES_PER_MS = 256;

export type Command = Parameters<Redis['sendCommand']>[0];
type Stream = Redis['stream'];

/** How long a command asks Redis to wait before it answers; undefined if the command does not block. */
export const blockingMs = (command: Command): number | undefined =>
  command.name === 'wait' ? Number(command.args[1]) : (command.extractBlockingTimeout() ?? undefined);

const transferMs = (command: Command): number => {
  const bytes = command.args.reduce<number>(
    (sum, arg) => sum + (Buffer.isBuffer(arg) || typeof arg === 'string' ? arg.length : 0),
    0,
  );
  return Math.floor(bytes / SLOWEST_BYTES_PER_MS / CHECK_EVERY_MS) * CHECK_EVERY_MS;
};

/**
 * Returns a function that says whether bytes that were queued at its last call have left the process since.
 * Bytes written after that call do not count: the kernel accepts them for a while even if the peer is gone.
 */
const createSendProgress = (stream: Stream): (() => boolean) => {
  // Only the handle shows progress within one write; Node's own socket time-out reads it there too.
  // Without it, whole writes count.
  const withHandle = stream as unknown as { _handle?: { writeQueueSize?: number } | null };
  // oxlint-disable-next-line no-underscore-dangle -- the name is Node's
  const unsentBytes = () => withHandle._handle?.writeQueueSize ?? 0;
  let before = { written: 0, unsent: 0, queued: 0 };
  return () => {
    const now = {
      written: stream.bytesWritten - stream.writableLength,
      unsent: unsentBytes(),
      queued: stream.writableLength,
    };
    const { written, unsent, queued } = before;
    before = now;
    return queued > 0 && (now.written > written || now.unsent < unsent);
  };
};

/**
 * Replaces a connection on which Redis no longer answers. A host that is gone, or a proxy that stopped
 * forwarding, closes nothing, and TCP would report it after 15 minutes. Each byte received, and each byte of
 * a queue that leaves, is a sign of life. After the last one, detection takes 5 s if a command is pending
 * (plus the time that a blocking command asks for, plus 4 s per MiB of a long one), and 10 s if none is.
 * ioredis then treats the connection as cut, and resends the pending commands.
 *
 * The handshake has this deadline too. Time is counted in checks, not by a clock: while this process itself
 * is suspended, no time passes.
 */
export const watchAnswers = (redis: Redis): void => {
  redis.on('connect', () => {
    const { stream } = redis;
    const hasSent = createSendProgress(stream);
    let bytesRead = -1;
    let front: Command | undefined;
    let withinMs = 0;
    let silentMs = 0;
    const check = () => {
      const first = redis.commandQueue.peekFront()?.command as Command | undefined;
      const isAlive = [first !== front, stream.bytesRead !== bytesRead, hasSent()].includes(true);
      if (first && first !== front)
        withinMs = ANSWER_WITHIN_MS + (blockingMs(first) ?? 0) + transferMs(first);
      silentMs = isAlive ? 0 : silentMs + CHECK_EVERY_MS;
      front = first;
      bytesRead = stream.bytesRead;
      if (first && silentMs >= withinMs) {
        stream.destroy(new Error(`Redis has not answered ${first.name} for ${silentMs} ms`));
      } else if (!first && silentMs >= PING_AFTER_MS && redis.status === 'ready') {
        redis.ping().catch(() => {});
      }
    };
    const checking = setInterval(check, CHECK_EVERY_MS).unref();
    stream.once('close', () => clearInterval(checking));
    if (stream.destroyed) clearInterval(checking);
  });
};
