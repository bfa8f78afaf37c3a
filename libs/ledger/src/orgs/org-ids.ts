import type { Connection } from '../connection.ts';

/** Only another client can make more. Which ones are read changes only with the set. */
export const MAX_ORGS = 100_000;
const READ_AT_ONCE = 1000;

/**
 * The ids of the orgs that anything was published under. Read in pages: of a set that another client has
 * filled, one reply could be longer than a process accepts.
 */
export const readOrgIds = async ({ redis, keys }: Pick<Connection, 'redis' | 'keys'>): Promise<string[]> => {
  const ids = new Set<string>();
  let cursor = '0';
  do {
    const [next, page] = await redis.sscan(keys.orgs, cursor, 'COUNT', READ_AT_ONCE);
    for (const id of page) ids.add(id);
    cursor = next;
  } while (cursor !== '0' && ids.size < MAX_ORGS);
  return [...ids].slice(0, MAX_ORGS);
};
