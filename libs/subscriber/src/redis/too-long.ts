import { ReplyTooLarge } from '@rekey/schema';

/**
 * Which reads Redis has answered with more than Rekey ever writes. Such an answer ends the session. So that
 * the next ones get further, the same is not read again for a while.
 */
export interface TooLong {
  has(key: string): boolean;
  note(key: string): void;
  /** Notes the key if the reply is too long. Rejects all the same. */
  watch<T>(key: string, reply: Promise<T>): Promise<T>;
}

const NOT_AGAIN_FOR_MS = 60_000;

export const createTooLong = (): TooLong => {
  const until = new Map<string, number>();
  const prune = (): void => {
    for (const [key, ms] of until) if (ms <= performance.now()) until.delete(key);
  };
  const note = (key: string): void => {
    prune();
    until.set(key, performance.now() + NOT_AGAIN_FOR_MS);
  };
  return {
    has: (key) => (until.get(key) ?? -Infinity) > performance.now(),
    note,
    watch: async (key, reply) => {
      try {
        return await reply;
      } catch (error) {
        if (error instanceof ReplyTooLarge) note(key);
        throw error;
      }
    },
  };
};
