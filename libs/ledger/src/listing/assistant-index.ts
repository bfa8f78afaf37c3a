import type { Connection } from '../connection.ts';
import { readOrgIds } from '../orgs/org-ids.ts';
import { unlessWrongType } from '../scripts/run.ts';
import { redisNowMs } from '../time/redis-now.ts';
import { listingCommands } from './commands.generated.ts';
import { INDEXES, areEntriesBehind, areSizesRight, readSizes, skewField, skewOf } from './index-check.ts';

/** What a pass has done. */
interface IndexPass {
  assistants: number;
  /** How many entries were missing, wrong, or too many. */
  corrected: number;
  /** The indexes are complete now; otherwise another pass follows. */
  complete: boolean;
}

interface IndexOptions {
  /** Tells the worker that holds the lock from others. */
  token: string;
  signal: AbortSignal;
  /** How much of its time a pass pauses: 0.9 leaves a tenth. */
  idle?: number;
  /** A check counts for all workers, for this time. */
  checkEveryMs?: number;
}

/** The indexes from which assistants are listed: see decision 0029. */
export interface AssistantIndex {
  /** Whether they have everything that is published. */
  isComplete(): Promise<boolean>;
  /**
   * Compares the sizes of the indexes and the entries of the newest events. Makes the indexes anew from the
   * hashes of the assistants if they do not agree, or once an hour. Undefined if nothing is due, or another
   * worker does it. Safe to stop at any time.
   */
  keep(options: IndexOptions): Promise<IndexPass | undefined>;
}

const AT_ONCE = 200;
const LEASE_MS = 30_000;
const PASS_EVERY_MS = 3_600_000;
/** What does not agree after a pass is no reason to begin the next one at once. */
const PASS_AGAIN_MS = 600_000;
/** Shorter than the pause of a worker between two calls: of many workers, one checks each minute. */
const CHECK_EVERY_MS = 50_000;

const runIdOf = async ({ redis }: Connection): Promise<string | undefined> =>
  /^run_id:(\S+)/m.exec(await redis.info('server'))?.[1];

/**
 * Scans the members of a sorted set; each that is in it all the time is returned. One of another type has
 * none.
 */
async function* scan({ redis }: Connection, key: string): AsyncGenerator<string[]> {
  let cursor = '0';
  do {
    const [next, members] = await unlessWrongType(redis.zscan(key, cursor, 'COUNT', AT_ONCE), NO_MEMBERS);
    cursor = next;
    const ids = members.filter((_, i) => i % 2 === 0);
    for (let from = 0; from < ids.length; from += AT_ONCE) yield ids.slice(from, from + AT_ONCE);
  } while (cursor !== '0');
}

const NO_MEMBERS: [string, string[]] = ['0', []];

const createLock = ({ redis, keys }: Connection, token: string) => ({
  take: async (): Promise<boolean> => {
    if ((await redis.set(keys.indexing, token, 'PX', LEASE_MS, 'NX')) === 'OK') return true;
    const isOwn = (await unlessWrongType(redis.get(keys.indexing), null)) === token;
    if (isOwn) return (await redis.pexpire(keys.indexing, LEASE_MS)) === 1;
    // Another client can have written a lock that does not end.
    const restMs = await redis.pttl(keys.indexing);
    if (restMs === -1 || restMs > LEASE_MS) await redis.pexpire(keys.indexing, LEASE_MS);
    return false;
  },
  release: async (): Promise<void> => {
    if ((await redis.get(keys.indexing)) === token) await redis.del(keys.indexing);
  },
});

/** Another client's key of such a name has nothing that Rekey needs. */
const deleteSpoilt = async ({ redis, keys }: Connection, orgId: string): Promise<void> => {
  for (const name of INDEXES) {
    const key = keys.index(name, orgId);
    const type = await redis.type(key);
    if (type !== 'zset' && type !== 'none') await redis.unlink(key);
  }
};

/** Makes the indexes of one org anew. */
const indexOrg = async (
  connection: Connection,
  orgId: string,
  { signal, idle = 0.9 }: IndexOptions,
  renew: () => Promise<boolean>,
): Promise<{ assistants: number; corrected: number }> => {
  const { keys, run } = connection;
  const commands = listingCommands(run);
  const done = { assistants: 0, corrected: 0 };
  let listed = 0;
  let renewedAt = -Infinity;
  const index = async (ids: string[]): Promise<void> => {
    const began = performance.now();
    const items = ids.map((assistantId) => ({ assistant: keys.assistant(assistantId), assistantId }));
    const reply = await commands.indexAssistants({ org: encodeURIComponent(orgId), items });
    done.corrected += reply.corrected;
    listed += reply.listed;
    const tookMs = performance.now() - began;
    if (idle > 0) await pause((tookMs * idle) / (1 - idle));
    if (began - renewedAt > LEASE_MS / 3) {
      if (!(await renew())) throw new LostLock();
      renewedAt = began;
    }
    signal.throwIfAborted();
  };
  await deleteSpoilt(connection, orgId);
  for await (const ids of scan(connection, keys.assistants(orgId))) {
    await index(ids);
    done.assistants += ids.length;
  }
  const sizes = await readSizes(connection, orgId);
  const listedOfOrg = listed;
  for (const name of INDEXES)
    if (name === 'uncertain' || sizes[name] !== listedOfOrg)
      for await (const ids of scan(connection, keys.index(name, orgId))) await index(ids);
  return done;
};

/** Another worker has taken over. */
class LostLock extends Error {}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** A cursor means nothing to a Redis that was started again: the org is done again. */
const indexWhole = async (
  connection: Connection,
  orgId: string,
  options: IndexOptions,
  renew: () => Promise<boolean>,
): Promise<{ assistants: number; corrected: number }> => {
  for (;;) {
    const before = await runIdOf(connection);
    const done = await indexOrg(connection, orgId, options, renew);
    if ((await runIdOf(connection)) === before) return done;
  }
};

export const openAssistantIndex = (connection: Connection): AssistantIndex => {
  const { redis, keys } = connection;

  const pass = async (options: IndexOptions, renew: () => Promise<boolean>): Promise<IndexPass> => {
    let [assistants, corrected] = [0, 0];
    const orgIds = (await readOrgIds(connection)).toSorted();
    // A pass that a worker did not end begins again with the org that it was at. Another client can have
    // written one that does not exist.
    const from = Math.max(orgIds.indexOf((await redis.hget(keys.indexState, 'org')) ?? ''), 0);
    for (const orgId of orgIds.slice(from)) {
      await redis.hset(keys.indexState, 'org', orgId);
      const done = await indexWhole(connection, orgId, options, renew);
      assistants += done.assistants;
      corrected += done.corrected;
      const skew = skewOf(await readSizes(connection, orgId));
      if (skew === 0) await redis.hdel(keys.indexState, skewField(orgId));
      else if (!Number.isNaN(skew)) await redis.hset(keys.indexState, skewField(orgId), skew);
    }
    const complete = await areSizesRight(connection, await readOrgIds(connection));
    const nowMs = Math.round(await redisNowMs(redis));
    await redis.hset(keys.indexState, { passed: nowMs, ...(complete && { complete: nowMs }) });
    await redis.hdel(keys.indexState, 'org');
    return { assistants, corrected, complete };
  };

  /** Whether the indexes agree with what they are of, as far as a look at their sizes and ends shows. */
  const areRight = async (): Promise<boolean> =>
    (await areSizesRight(connection, await readOrgIds(connection))) && !(await areEntriesBehind(connection));

  const isDue = async (checkEveryMs: number): Promise<boolean> => {
    const fields = ['complete', 'passed', 'org', 'checked'];
    const [complete, passed, org, checked] = await redis.hmget(keys.indexState, ...fields);
    const nowMs = Math.round(await redisNowMs(redis));
    const [sinceMs, checkedMs] = [nowMs - Number(passed ?? 0), nowMs - Number(checked ?? 0)];
    // Another client can have written a time that is none, or that does not come.
    if (org !== null || !passed || !(sinceMs >= 0)) return true;
    if (complete && !(checkedMs >= 0 && checkedMs < checkEveryMs)) {
      await redis.hset(keys.indexState, 'checked', nowMs);
      if (!(await areRight())) {
        await redis.hdel(keys.indexState, 'complete');
        return sinceMs > PASS_AGAIN_MS;
      }
    }
    return sinceMs > (complete ? PASS_EVERY_MS : PASS_AGAIN_MS);
  };

  return {
    isComplete: async () => (await unlessWrongType(redis.hexists(keys.indexState, 'complete'), 0)) === 1,

    keep: async (options) => {
      const lock = createLock(connection, options.token);
      if (!(await lock.take())) return undefined;
      try {
        if ((await redis.type(keys.indexState)) !== 'hash') await redis.unlink(keys.indexState);
        return (await isDue(options.checkEveryMs ?? CHECK_EVERY_MS))
          ? await pass(options, lock.take)
          : undefined;
      } catch (error) {
        if (error instanceof LostLock || options.signal.aborted) return undefined;
        throw error;
      } finally {
        await lock.release().catch(() => undefined);
      }
    },
  };
};
