import type { Redis } from 'ioredis';

/**
 * Makes a Redis read-only until `restore` is called, as a replica of a primary that does not exist. Its
 * clients stay connected, can read, and get READONLY for a write. It keeps its data: a replica drops them
 * only when its primary sends others, and nothing listens on that port.
 */
export const makeReadOnly = async (redis: Redis): Promise<{ restore(): Promise<void> }> => {
  await redis.replicaof('127.0.0.1', 1);
  return {
    restore: async () => {
      await redis.replicaof('NO', 'ONE');
    },
  };
};
