import type { Redis } from 'ioredis';

const LOOK_EVERY_MS = 500;
/** A connection on which nothing is under way is asked for a sign of life after so long without one. */
const PING_AFTER_MS = 5000;
/** What Redis does before it answers takes it less than this, but for the time that a command asks it to wait. */
const ANSWER_WITHIN_MS = 5000;

type Command = Parameters<Redis['sendCommand']>[0];

/** For how long a command asks Redis to wait before it answers. */
const waitsMs = (command: Command): number => {
  if (command.name === 'wait') return Number(command.args[1]);
  return command.extractBlockingTimeout() ?? 0;
};

/**
 * Replaces a connection on which Redis does not answer any more: a machine that is gone, or a proxy that has stopped to forward, closes nothing, and TCP
 * would say so after a quarter of an hour. From the moment that nothing more comes it takes 5 s to notice where an answer is awaited (and the time that a
 * blocking command asks to wait), and 10 s where none is. ioredis then treats the connection as one that was cut.
 *
 * The handshake has this deadline too. Time is counted in looks, not by a clock: while this process itself is held up, none goes by.
 */
export const watchAnswers = (redis: Redis): void => {
  redis.on('connect', () => {
    const { stream } = redis;
    let bytesRead = -1;
    let front: Command | undefined;
    let silentMs = 0;
    const look = () => {
      const first = redis.commandQueue.peekFront()?.command as Command | undefined;
      silentMs = first === front && stream.bytesRead === bytesRead ? silentMs + LOOK_EVERY_MS : 0;
      front = first;
      bytesRead = stream.bytesRead;
      if (first && silentMs >= ANSWER_WITHIN_MS + waitsMs(first)) {
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
