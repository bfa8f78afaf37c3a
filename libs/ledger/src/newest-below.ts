import type { Redis } from 'ioredis';

/**
 * The newest ids of some indexes, older than a given id. Ids sort by the time at which they were made. With
 * scores of another client, Redis returns ids in no order, and the same ones again: those that are not older
 * are left out, so that whoever reads on comes to an end.
 */
export const newestBelow = async (
  redis: Redis,
  indexes: string[],
  below: string | undefined,
  count: number,
): Promise<string[]> => {
  const top = below === undefined ? '+' : `(${below}`;
  const lists = await Promise.all(
    indexes.map((index) => redis.zrange(index, top, '-', 'BYLEX', 'REV', 'LIMIT', 0, count)),
  );
  return lists
    .flat()
    .filter((id) => below === undefined || id < below)
    .toSorted((a, b) => (a < b ? 1 : -1))
    .slice(0, count);
};
