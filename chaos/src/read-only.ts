import type { Redis } from 'ioredis';

/**
 * Makes a Redis a replica of one that does not exist, until `restore` is called. Its clients keep their
 * connections, can read, and get READONLY when they write. It keeps its data: a replica drops them only when
 * a primary sends others, and nothing listens on that port.
 */
export const makeReadOnly = async (redis: Redis): Promise<{ restore(): Promise<void> }> => {
  await redis.replicaof('127.0.0.1', 1);
  return {
    restore: async () => {
      await redis.replicaof('NO', 'ONE');
    },
  };
};
