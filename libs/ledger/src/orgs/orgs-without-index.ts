import { ORG_ALIAS } from '@rekey/schema';
import type { Connection } from '../connection.ts';
import { isWrongType } from '../scripts/run.ts';
import { readOrgIds } from './org-ids.ts';

const READ_AT_ONCE = 1000;
const MAX_RETURNED = 20;

type Stores = Pick<Connection, 'redis' | 'keys'>;

/** How many assistants the last sweep of each org knew. */
const readKnown = async ({ redis, keys }: Stores, orgIds: readonly string[]): Promise<(string | null)[]> => {
  if (orgIds.length === 0) return [];
  return redis.hmget(keys.known, ...orgIds).catch(async (error: unknown) => {
    if (!isWrongType(error)) throw error;
    await redis.hset(keys.damaged, keys.known, (error as Error).message);
    return orgIds.map(() => null);
  });
};

/** Orgs that a sweep has known, of a few: another client can have removed them from the index of orgs. */
const readKnownOrgs = async ({ redis, keys }: Stores): Promise<string[]> => {
  const [, fields] = await redis.hscan(keys.known, '0', 'COUNT', READ_AT_ONCE).catch((error: unknown) => {
    if (!isWrongType(error)) throw error;
    return ['0', [] as string[]] as const;
  });
  return fields.filter((_, i) => i % 2 === 0 && Number(fields[i + 1]) > 0);
};

/**
 * The orgs that the index of orgs, or the last sweep of each, knows, and that the other one or their own
 * index does not show. An org whose last sweep found it empty needs none.
 */
export const readOrgsWithoutIndex = async (stores: Stores): Promise<string[]> => {
  const { redis, keys } = stores;
  const listed = new Set(await readOrgIds(stores));
  const ids = [...new Set([...listed, ...(await readKnownOrgs(stores))])];
  const found: string[] = [];
  for (let from = 0; from < ids.length; from += READ_AT_ONCE) {
    const page = ids.slice(from, from + READ_AT_ONCE);
    const known = await readKnown(stores, page);
    const indexed = await Promise.all(page.map((orgId) => redis.exists(keys.assistants(orgId))));
    const isLost = (orgId: string, i: number) =>
      orgId !== ORG_ALIAS && (indexed[i] === 0 ? known[i] !== '0' : !listed.has(orgId));
    found.push(...page.filter(isLost));
  }
  const drawn = found.map((orgId) => ({ orgId, at: Math.random() })).toSorted((a, b) => a.at - b.at);
  return drawn.slice(0, MAX_RETURNED).map(({ orgId }) => orgId);
};
