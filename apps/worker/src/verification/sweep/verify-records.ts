import { ORG_ALIAS } from '@rekey/schema';
import { isAnotherOrg, publishedOrgOf } from '../../orgs/published-org.ts';
import type { Listed } from '../lists/list-evidence.ts';
import { quarantine, unlessCorrupt } from '../quarantine.ts';
import type { OrgSweep, SweepDeps } from './sweep-run.ts';

/** How many assistants that may have moved to another org a sweep checks. */
const STRAYS_A_SWEEP = 20;

/**
 * Opens the published records of assistants whose keys agree: the right key is useless in a record that
 * consumers cannot open. Such a record is reported and published again.
 */
export const verifyRecords = async (
  deps: SweepDeps,
  run: OrgSweep,
  agreeing: Listed[],
  beganMs: number,
): Promise<void> => {
  const { ledger, publisher, readLagMs } = deps;
  const { counts } = run;
  const currents = ledger.assistants.currents(agreeing.map(({ assistantId }) => assistantId));
  for (const one of agreeing) {
    const { assistantId, state, finding } = one;
    const { value: current = null } = await currents.next();
    // An assistant without a key that was never published has no record.
    if (
      ('removal' in finding && current === null) ||
      (await publisher.canBeOpened(current, assistantId, state, beganMs))
    ) {
      counts.agreed += 1;
      noteStray(run, assistantId, current);
      if (publishedOrgOf(current) === ORG_ALIAS) await rename(deps, run, one, beganMs);
      continue;
    }
    // A rotation may have published another key since the page was compared: then this is not the record that
    // was to be opened.
    const [word] = await ledger.assistants.compare({ beganMs, lagMs: readLagMs }, [{ assistantId, state }]);
    if (word === 'agrees') await publishAnew(deps, run, assistantId);
    else counts.held += 1;
  }
};

/**
 * Publishes under the real name of the org, as it was listed, what is still published under `c`. The key is
 * the published one, so that no list can replace a key in this way.
 */
const rename = async (
  deps: SweepDeps,
  { orgId }: OrgSweep,
  { assistantId, state, finding, tooLarge }: Listed,
  beganMs: number,
): Promise<void> => {
  const { ledger, publisher, clock, readLagMs } = deps;
  if (orgId === ORG_ALIAS || tooLarge) return;
  const target = { orgId, assistantId };
  const looked = await unlessCorrupt(deps, target, () => ledger.assistants.beginCheck(target));
  if (looked.kind !== 'begun' || looked.hold.stateBefore !== state) return;
  const anchor = { redisMs: looked.hold.atMs, clockMs: clock.nowMs() };
  await publisher.publish(looked.hold, anchor, {
    finding,
    cause: 'reconciliation',
    rotation: 'continues',
    read: { beganMs, lagMs: readLagMs },
  });
};

const noteStray = ({ orgId, later }: OrgSweep, assistantId: string, current: string | null): void => {
  const publishedUnder = publishedOrgOf(current);
  if (
    publishedUnder !== undefined &&
    isAnotherOrg(publishedUnder, orgId) &&
    later &&
    later.strays.size < STRAYS_A_SWEEP
  )
    later.strays.add(assistantId);
};

const publishAnew = async (deps: SweepDeps, run: OrgSweep, assistantId: string): Promise<void> => {
  const { ledger, check, logger } = deps;
  const { orgId, lane, counts } = run;
  const target = { orgId, assistantId };
  await quarantine(deps, target, 'its current record cannot be opened');
  counts.requests += 1;
  const { kind } = await unlessCorrupt(deps, target, () => check(target, { publishAnew: true, lane }));
  if (kind !== 'adopted' && kind !== 'removed') {
    counts.unresolved += 1;
    return;
  }
  counts[kind] += 1;
  await ledger.assistants.unquarantine(assistantId);
  logger.event('record_republished', { org_id: orgId, assistant_id: assistantId });
};
