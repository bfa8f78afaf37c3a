import { LOCAL_ACTOR, type Actor, type ErrorCode, type HeldOrgStatus } from '@rekey/schema';
import type { Connection } from '../connection.ts';
import { isWrongType } from '../scripts/run.ts';
import { orgsCommands } from './commands.generated.ts';
import { readOrgIds } from './org-ids.ts';
import { readOrgsWithoutIndex } from './orgs-without-index.ts';
import { errorCodeOf, heldOrgsOf } from './held-orgs.ts';

/** How much of an org may change within ten minutes before it is held, and how much has changed. */
export interface OrgLimits {
  /** The number of known assistants at the end of the last sweep; without a sweep, the number now. */
  known: number;
  limit: number;
  changed: number;
  /** Why it is held. */
  held?: ErrorCode;
  /** An operator has accepted what reads say. */
  accepted: boolean;
}

/** Orgs, and which of them are held. Every method is one atomic command, or a read. */
export interface Orgs {
  /** The org ids that anything was published under, and the number of assistants under each. */
  list(): Promise<{ orgId: string; assistants: number }[]>;
  /**
   * Orgs whose index of assistants is gone, or that are missing in `list` although a sweep knew them: another
   * client has removed something. 20 of them at most, at random: another client can invent more.
   */
  withoutIndex(): Promise<string[]>;
  limits(orgId: string): Promise<OrgLimits>;
  /** Holds an org; true if it was not held before. */
  hold(orgId: string, hold: { code: ErrorCode; affected: number; known: number }): Promise<boolean>;
  /**
   * A sweep has found what is known of the org: it is no longer held. True if it was. `settled`: what an
   * operator has accepted is done.
   */
  endSweep(orgId: string, options?: { settled: boolean }): Promise<boolean>;
  /**
   * An operator accepts what reads say of a held org, until a sweep has done it, for an hour at most. False
   * if it is not held. Safe to repeat.
   */
  acceptHeld(orgId: string, actor?: Actor): Promise<boolean>;
  held(): Promise<HeldOrgStatus[]>;
}

/** How long a held org that an operator has accepted has no limit: a sweep, and the reads that confirm it. */
const ACCEPTED_MS = 3_600_000;

export const openOrgs = (
  { redis, keys, run }: Connection,
  { maxChangedPercent }: { maxChangedPercent: number },
): Orgs => {
  const commands = orgsCommands(run);
  return {
    list: async () => {
      const ids = await readOrgIds({ redis, keys });
      // The index of one org is damaged: that must not stop what is done for the others.
      const countOf = async (orgId: string): Promise<number> => {
        const index = keys.assistants(orgId);
        return redis.zcard(index).catch(async (error: unknown) => {
          if (!isWrongType(error)) throw error;
          await redis.hset(keys.damaged, index, (error as Error).message);
          return 0;
        });
      };
      const counts = await Promise.all(ids.map(countOf));
      return ids
        .map((orgId, i) => ({ orgId, assistants: counts[i]! }))
        .toSorted((a, b) => (a.orgId < b.orgId ? -1 : 1));
    },

    withoutIndex: () => readOrgsWithoutIndex({ redis, keys }),

    limits: async (orgId) => {
      const reply = await commands.orgLimits({ heldOrgs: keys.held, org: orgId, percent: maxChangedPercent });
      const { known, limit, changed, held, accepted } = reply;
      return { known, limit, changed, ...(held !== undefined && { held: errorCodeOf(held) }), accepted };
    },

    hold: async (orgId, { code, affected, known }) =>
      (await commands.orgHold({ held: keys.held, org: orgId, code, affected, known })).kind === 'held',

    endSweep: async (orgId, { settled } = { settled: false }) =>
      (await commands.orgSwept({ held: keys.held, org: orgId, settled })).wasHeld,

    acceptHeld: async (orgId, actor = LOCAL_ACTOR) =>
      (await commands.orgAccept({ held: keys.held, org: orgId, forMs: ACCEPTED_MS, actor })).kind ===
      'accepted',

    held: async () => heldOrgsOf(Object.entries(await redis.hgetall(keys.held))),
  };
};
