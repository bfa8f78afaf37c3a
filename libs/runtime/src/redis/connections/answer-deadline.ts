import type { Redis } from 'ioredis';

const LOOK_EVERY_MS = 500;
/** A connection with no command under way is pinged after this long without a byte. */
const PING_AFTER_MS = 5000;
/** Redis takes less than this to answer, apart from the time that a command asks it to wait. */
const ANSWER_WITHIN_MS = 5000;
/**
 * The slowest network that a long command is waited for, once the process has handed it over: 2 Mbit/s.
 * Buffers on the way hold megabytes.
 */
const SLOWEST_BYTES_PER_MS = 256;

type Command = Parameters<Redis['sendCommand']>[0];
type Stream = Redis['stream'];

/** How long a command asks Redis to wait before it answers; undefined if it does not block. */
export const waitsMs = (command: Command): number | undefined =>
  command.name === 'wait' ? Number(command.args[1]) : (command.extractBlockingTimeout() ?? undefined);

const travelsMs = (command: Command): number => {
  const bytes = command.args.reduce<number>(
    (sum, arg) => sum + (Buffer.isBuffer(arg) || typeof arg === 'string' ? arg.length : 0),
    0,
  );
  return Math.floor(bytes / SLOWEST_BYTES_PER_MS / LOOK_EVERY_MS) * LOOK_EVERY_MS;
};

/**
 * Returns a function that says whether bytes that were queued at its last call have left the process since. Bytes that were written after that call do not
 * count: the kernel takes them for a while even if the other side is gone.
 */
const createSendProgress = (stream: Stream): (() => boolean) => {
  // Node exposes the progress within one write on the handle alone; its own socket time-out reads it there.
  // If absent, whole writes count.
  const withHandle = stream as unknown as { _handle?: { writeQueueSize?: number } | null };
  // oxlint-disable-next-line no-underscore-dangle -- the name is Node's
  const left = () => withHandle._handle?.writeQueueSize ?? 0;
  let before = { written: 0, left: 0, queued: 0 };
  return () => {
    const now = {
      written: stream.bytesWritten - stream.writableLength,
      left: left(),
      queued: stream.writableLength,
    };
    const { written, left: leftBefore, queued } = before;
    before = now;
    return queued > 0 && (now.written > written || now.left < leftBefore);
  };
};

/**
 * Replaces a connection on which Redis no longer answers: a machine that is gone, or a proxy that stopped
 * forwarding, closes nothing, and TCP would report it after a quarter of an hour. Life is every byte that
 * comes, and every byte of a queue that leaves. From the last one it takes 5 s to notice if a command awaits
 * its answer (plus the time that a blocking command asks to wait, plus 4 s per MiB of a long one), and 10 s
 * if none does. ioredis then treats the connection as one that was cut, and sends again what is under way.
 *
 * The handshake has this deadline too. Time is counted in looks, not by a clock: while this process itself is
 * held up, none goes by.
 */
export const watchAnswers = (redis: Redis): void => {
  redis.on('connect', () => {
    const { stream } = redis;
    const hasSent = createSendProgress(stream);
    let bytesRead = -1;
    let front: Command | undefined;
    let withinMs = 0;
    let silentMs = 0;
    const look = () => {
      const first = redis.commandQueue.peekFront()?.command as Command | undefined;
      const isLife = [first !== front, stream.bytesRead !== bytesRead, hasSent()].includes(true);
      if (first && first !== front) withinMs = ANSWER_WITHIN_MS + (waitsMs(first) ?? 0) + travelsMs(first);
      silentMs = isLife ? 0 : silentMs + LOOK_EVERY_MS;
      front = first;
      bytesRead = stream.bytesRead;
      if (first && silentMs >= withinMs) {
        stream.destroy(new Error(`Redis has not answered ${first.name} for ${silentMs} ms`));
      } else if (!first && silentMs >= PING_AFTER_MS && redis.status === 'ready') {
        redis.ping().catch(() => {});
      }
    };
    const looking = setInterval(look, LOOK_EVERY_MS).unref();
    stream.once('close', () => clearInterval(looking));
    if (stream.destroyed) clearInterval(looking);
  });
};
