import { ReplyTooLarge } from '@rekey/schema';
import { isErrorReply } from './replies.ts';

/**
 * The number of items that one read requests: fewer after a read that was lost or returned much, more after a
 * read that returned little.
 */
interface ReadSize {
  /** Requests the current number. Resolves with the answer, and whether it has all requested items. */
  read<T>(
    request: (count: number) => Promise<T>,
    sizeOf: (answer: T) => { count: number; chars: number },
  ): Promise<{ answer: T; isFull: boolean }>;
}

/**
 * An event has up to 22 million characters. Redis keeps an answer in memory until it is sent, and may close a
 * connection with long answers.
 */
const MUCH_CHARS = 4 * 2 ** 20;

export const createReadSize = (most: number): ReadSize => {
  let next = most;
  return {
    read: async (request, sizeOf) => {
      const requested = next;
      try {
        const answer = await request(requested);
        const { count, chars } = sizeOf(answer);
        if (chars > MUCH_CHARS) next = Math.max(1, Math.floor(requested / 2));
        else if (count === requested && chars < MUCH_CHARS / 2) next = Math.min(most, requested * 2);
        return { answer, isFull: count === requested };
      } catch (error) {
        // One session then finds out whether a single item is too long.
        if (error instanceof ReplyTooLarge) next = 1;
        else if (!isErrorReply(error)) next = Math.max(1, Math.floor(requested / 2));
        throw error;
      }
    },
  };
};
