import type { SweepCounts } from '@rekey/schema';
import { SweepFailure } from '../sweep-failure.ts';
import { sweepOrg } from './sweep-org.ts';
import type { SweepDeps } from './sweep-run.ts';

/**
 * Compares what upstream lists with what is published, for one org or for all: those with a configured API
 * key, and those that anything was published under, also if another client has removed their index. `save`
 * is called after each page. It rejects if another worker owns the sweep by now.
 */
export const sweep =
  ({
    configuredOrgs,
    ...deps
  }: SweepDeps & { /** The org ids with a configured API key. */ configuredOrgs: () => string[] }) =>
  async (orgId: string | undefined, counts: SweepCounts, save: () => Promise<void>): Promise<void> => {
    const anchor = { redisMs: await deps.ledger.system.nowMs(), clockMs: deps.clock.nowMs() };
    const asked = orgId !== undefined;
    const sweepOne = async (id: string): Promise<void> => {
      const { failure } = await sweepOrg(deps, { orgId: id, lane: 'sweep', anchor, counts, save, asked });
      if (failure) throw new SweepFailure(failure);
    };
    if (orgId !== undefined) return sweepOne(orgId);
    const configured = configuredOrgs();
    const failures: unknown[] = [];
    const attempt = async (id: string, mayBeInvented = false) => {
      await sweepOne(id).catch((error: unknown) => {
        if (!(error instanceof SweepFailure)) throw error;
        deps.logger.event('org_sweep_failed', { org_id: id, code: error.code });
        if (!mayBeInvented) failures.push(error);
      });
    };
    for (const id of configured) await attempt(id);
    for (const { orgId: id } of await deps.ledger.orgs.list()) {
      if (configured.includes(id)) continue;
      // An org may have two names, `c` and its own: then one LIST has already shown all that is known of it.
      const unseen = await deps.ledger.assistants.notSeenSince(id, anchor.redisMs, { offset: 0, size: 1 });
      if (unseen.length > 0) await attempt(id);
    }
    for (const id of await deps.ledger.orgs.withoutIndex()) {
      if (configured.includes(id)) continue;
      deps.logger.event('org_index_lost', { org_id: id });
      await attempt(id, true);
    }
    if (failures.length > 0) throw failures[0];
  };
