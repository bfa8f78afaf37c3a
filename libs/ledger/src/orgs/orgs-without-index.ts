import type { Connection } from '../connection.ts';
import { isWrongType } from '../scripts/run.ts';

const READ_AT_ONCE = 1000;
/** Only another client can make more. Which of them are returned is left to chance. */
const MAX_FOUND = 1000;
const MAX_RETURNED = 20;

/** The orgs whose last sweep knew assistants, and that the index of orgs, or their own, does not show. */
export const readOrgsWithoutIndex = async ({
  redis,
  keys,
}: Pick<Connection, 'redis' | 'keys'>): Promise<string[]> => {
  const found = new Set<string>();
  let cursor = '0';
  do {
    const scanned = await redis.hscan(keys.known, cursor, 'COUNT', READ_AT_ONCE).catch(async (error) => {
      if (!isWrongType(error)) throw error;
      await redis.hset(keys.damaged, keys.known, (error as Error).message);
    });
    if (!scanned) return [];
    const [next, page] = scanned;
    const known = page.filter((_, i) => i % 2 === 0 && Number(page[i + 1]) > 0);
    const indexed = await Promise.all(
      known.map(async (orgId) => {
        const [isListed, hasIndex] = await Promise.all([
          redis.sismember(keys.orgs, orgId),
          redis.exists(keys.assistants(orgId)),
        ]);
        return isListed === 1 && hasIndex === 1;
      }),
    );
    for (const orgId of known.filter((_, i) => !indexed[i])) found.add(orgId);
    cursor = next;
  } while (cursor !== '0' && found.size < MAX_FOUND);
  const drawn = [...found].map((orgId) => ({ orgId, at: Math.random() })).toSorted((a, b) => a.at - b.at);
  return drawn.slice(0, MAX_RETURNED).map(({ orgId }) => orgId);
};
