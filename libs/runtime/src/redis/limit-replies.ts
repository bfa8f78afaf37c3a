import { MAX_REPLY_BYTES, REPLY_TOO_LARGE, ReplyTooLarge } from '@rekey/schema';
import type { Command, Redis } from 'ioredis';

/**
 * Bounds the memory that one reply takes. A client that may write to Redis can make any value as long as
 * Redis allows, 512 MB each: whoever reads it would run out of memory. Beyond `maxBytes` the connection is
 * replaced, the command of that reply rejects with ReplyTooLarge, and the other commands fare as if the
 * connection had been cut: the event REPLY_TOO_LARGE says why. Messages on channels are bounded too: they are
 * lost.
 *
 * ioredis does not say how much of a reply it has received. What is counted is what arrives while the same
 * command is the first that has no reply.
 */
export const limitReplies = (redis: Redis, maxBytes: number = MAX_REPLY_BYTES): void => {
  let received = 0;
  redis.on('message', () => (received = 0));
  redis.on('connect', () => {
    const { stream } = redis;
    let waiting = redis.commandQueue.peekFront();
    received = 0;
    // After the listener of ioredis, which was added before: the replies in the chunk have been taken.
    stream.on('data', (chunk: Buffer) => {
      const first = redis.commandQueue.peekFront();
      received = first === waiting ? received + chunk.length : 0;
      waiting = first;
      if (received <= maxBytes || stream.destroyed) return;
      received = 0;
      const tooLarge = new ReplyTooLarge(first?.command.name ?? 'a message', keyOf(first?.command));
      // It must not be sent again.
      redis.commandQueue.shift()?.command.reject(tooLarge);
      stream.destroy(tooLarge);
      redis.emit(REPLY_TOO_LARGE, tooLarge);
    });
  });
};

const MAX_KEY_LENGTH = 200;

const keyOf = (command: unknown): string =>
  String((command as Command | undefined)?.getKeys()[0] ?? '').slice(0, MAX_KEY_LENGTH);
