import { randomUUID } from 'node:crypto';
import { ORG_ALIAS } from '@rekey/schema';
import {
  AliasContradiction,
  NOT_AS_CONFIGURED,
  createAliasLearner,
  type FindOutOptions,
} from './learn-alias.ts';
import type { OrgAliasDeps } from './org-alias-deps.ts';
import { createAliasRenamer, type RequestSweep } from './rename-alias.ts';

/** Keeps one name for the org that Invent calls `c`. Several workers may do this at once. */
export interface OrgAliasKeeper {
  /**
   * Runs before anything else. Throws AliasContradiction if INVENT_ORG_ID contradicts the ledger or Invent.
   * If Invent is unreachable, the org is found out later.
   */
  establish(): Promise<void>;
  /**
   * Runs before a sweep, which shows what `c` lists. Finds out which org that is, if anything names it, and
   * renames what is kept under `c`.
   */
  beforeSweep(): Promise<void>;
  /** Makes one round of the same; cheap if there is nothing to do. */
  round(requestSweep?: RequestSweep): Promise<void>;
}

export const keepOrgAlias = (deps: OrgAliasDeps): OrgAliasKeeper => {
  const { alias, recipients, configured, logger } = deps;
  const token = randomUUID();
  const renamer = createAliasRenamer(deps, token);
  const learn = createAliasLearner(deps, token);

  const findOut = async (options: FindOutOptions): Promise<void> => {
    renamer.forget();
    await learn(options);
  };
  /** After the start no process ends because of a contradiction: it is logged, and shown in the status. */
  const findOutQuietly = async (options: FindOutOptions): Promise<void> => {
    try {
      await findOut(options);
    } catch (err) {
      if (!(err instanceof AliasContradiction)) throw err;
      logger.event('org_alias_conflict', {}, err.message);
    }
  };
  const inTurn = createTurns();

  return {
    establish: async () => {
      const { known, conflict } = await alias.read();
      if (configured === undefined) {
        // The operator has corrected the conflict by unsetting the variable.
        if (conflict?.why === NOT_AS_CONFIGURED) await alias.noteConflict(undefined);
        return;
      }
      if (known && known.orgId !== configured) {
        const how =
          known.how === 'configured' ? 'has recorded from INVENT_ORG_ID' : 'has learned from Invent';
        throw new AliasContradiction(
          `INVENT_ORG_ID=${configured} contradicts the ledger, which ${how} ` +
            `(${new Date(known.sinceMs).toISOString()}) that the org of the API key is ${known.orgId}. ` +
            `Set INVENT_ORG_ID=${known.orgId} or unset it. If the API key is of another org now, ` +
            'use another REKEY_PREFIX',
        );
      }
      if (!known) await findOut({ mayList: true, unlessLately: false });
    },

    beforeSweep: inTurn(async () => {
      const { known, conflict } = await alias.read();
      if (!known) await findOutQuietly({ mayList: true, unlessLately: conflict !== undefined });
      const { known: now } = known ? { known } : await alias.read();
      // Another client can damage what is under `c`. That stops no sweep, which publishes it all the same.
      if (now)
        await renamer
          .rename(now.orgId, async () => {})
          .catch((err) => logger.event('org_alias_round_failed', { err }));
    }),

    round: (requestSweep) =>
      inTurn(async () => {
        const { known, unproved } = await alias.read();
        // After an upgrade the ledger names an org, and nothing proves it: Invent does.
        const mayList = configured !== undefined || unproved !== undefined;
        if (!known) return findOutQuietly({ mayList, unlessLately: true });
        if (known.isAltered) {
          renamer.forget();
          await alias.note(known.orgId, known.how);
        }
        if (renamer.isDue() || recipients.nameOf(ORG_ALIAS) !== known.orgId)
          await renamer.rename(known.orgId, requestSweep);
      })(),
  };
};

type Chore = () => Promise<void>;

/** A sweep and a round of this process hold the lock with the same token, so that one waits for the other. */
const createTurns = (): ((chore: Chore) => Chore) => {
  let last: Promise<unknown> = Promise.resolve();
  return (chore) => () => {
    const own = last.then(chore);
    last = own.catch(() => {});
    return own;
  };
};
