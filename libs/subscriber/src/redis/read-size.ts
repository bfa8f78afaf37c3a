import { isReply } from './session.ts';

/**
 * How much one read asks for: the next one asks for less if this one is lost or brings much, and for more if
 * it brings little.
 */
export interface ReadSize {
  /** Asks for as much as is due. Resolves with the answer, and whether it brought all that was asked for. */
  read<T>(
    ask: (count: number) => Promise<T>,
    sizeOf: (answer: T) => { count: number; chars: number },
  ): Promise<{ answer: T; isFull: boolean }>;
}

/**
 * An event has up to 22 million characters. Redis keeps an answer in memory until it is sent, and may close a
 * connection whose answers are long.
 */
const MUCH_CHARS = 4 * 2 ** 20;

export const createReadSize = (most: number): ReadSize => {
  let next = most;
  return {
    read: async (ask, sizeOf) => {
      const asked = next;
      try {
        const answer = await ask(asked);
        const { count, chars } = sizeOf(answer);
        if (chars > MUCH_CHARS) next = Math.max(1, Math.floor(asked / 2));
        else if (count === asked && chars < MUCH_CHARS / 2) next = Math.min(most, asked * 2);
        return { answer, isFull: count === asked };
      } catch (error) {
        if (!isReply(error)) next = Math.max(1, Math.floor(asked / 2));
        throw error;
      }
    },
  };
};
