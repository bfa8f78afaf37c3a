import { LOCAL_ACTOR, type Actor, type LedgerHoldings, type SystemStatus } from '@rekey/schema';
import type { ArchiveFeed } from '../archive/archive-feed.ts';
import type { ReadArchiveReport } from '../archive/archive-status.ts';
import type { Connection } from '../connection.ts';
import { readOrgIds } from '../orgs/org-ids.ts';
import type { Consumers } from '../consumers/consumers.ts';
import type { OrgAlias } from '../orgs/org-alias.ts';
import { redisNowMs } from '../time/redis-now.ts';
import { systemCommands } from './commands.generated.ts';
import type { Registry } from '../registry/registry.ts';
import type { Identity } from './identity.ts';
import { readSweepNote } from './status/notes.ts';
import type { KnownPositions } from './status/process-facts.ts';
import type { Processes } from './processes.ts';
import { LOOKED_AT, momentOf, replies } from './status/replies.ts';
import { readRunningSweep, readStatus } from './status/status.ts';
import { orNameTooLong } from './status/too-long.ts';

/** The system as a whole, and its brake. Every method is one atomic command, or reads. */
export interface System extends Identity {
  /**
   * From now on no request leaves for a rotation; requests that may have left are still read back. If it is
   * frozen already, the time and the reason stay.
   */
  freeze(reason: string, actor?: Actor): Promise<void>;
  unfreeze(actor?: Actor): Promise<void>;
  /**
   * What needs an operator, and the state of everything. Entries that cannot be read are named, and do not
   * break it.
   */
  status(): Promise<SystemStatus>;
  /** What the ledger holds. */
  holdings(): Promise<LedgerHoldings>;
  /**
   * When a sweep of everything last began and last ended, and whether one is running (Redis time, ms),
   * independent of the queue.
   */
  sweepTimes(): Promise<{ nowMs: number; begunMs?: number; endedMs?: number; running: boolean }>;
}

interface SystemSources {
  identity: Identity;
  registry: Registry;
  processes: Processes;
  consumers: Consumers;
  alias: OrgAlias;
  /** Without the progress of consumers the status does not say which are gone or behind. */
  positions: KnownPositions | undefined;
  archive: ArchiveFeed;
  readArchiveReport: ReadArchiveReport | undefined;
}

const createHoldings =
  ({ redis, keys }: Connection): System['holdings'] =>
  async () => {
    const [orgIds, consumers, policies] = await Promise.all([
      readOrgIds({ redis, keys }),
      redis.hlen(keys.consumers),
      redis.zcard(keys.policies),
    ]);
    const counts = await replies(
      orgIds
        .slice(0, LOOKED_AT)
        .reduce((pipeline, orgId) => pipeline.zcard(keys.assistants(orgId)), redis.pipeline()),
    );
    return { assistants: counts.reduce<number>((sum, count) => sum + Number(count), 0), consumers, policies };
  };

export const openSystem = (connection: Connection, sources: SystemSources): System => {
  const { redis, keys, run } = connection;
  const holdings = createHoldings(connection);

  return {
    ...sources.identity,
    holdings,
    status: orNameTooLong(connection.redis, () => readStatus(connection, { ...sources, holdings })),

    freeze: async (reason, actor = LOCAL_ACTOR) => {
      await systemCommands(run).freeze({ ledger: keys.ledger, reason, actor });
    },
    unfreeze: async (actor = LOCAL_ACTOR) => {
      await systemCommands(run).unfreeze({ ledger: keys.ledger, actor });
    },

    sweepTimes: async () => {
      const nowMs = await redisNowMs(redis);
      const [begun, ended] = await redis.hmget(keys.ledger, 'sweep_begun', 'sweep_ended');
      const endedMs = readSweepNote(ended)?.endedMs;
      return {
        nowMs,
        running: (await readRunningSweep(connection, nowMs)) !== undefined,
        ...momentOf('begunMs', begun),
        ...(endedMs !== undefined && { endedMs }),
      };
    },
  };
};
