import type { ErrorCode, SweepCounts } from '@rekey/schema';
import { redisNowMs } from '../../shared/clock.ts';
import { createListEvidence } from '../lists/list-evidence.ts';
import type { Listing } from '../lists/read-list.ts';
import { SweepFailure } from '../sweep-failure.ts';
import { checkDiffering } from './check-listed.ts';
import { compareListed } from './compare-listed.ts';
import { judgeList } from './judge-list.ts';
import { checkAbsent, checkStrays, confirmRemovals, readUnreadable } from './later-checks.ts';
import { READS_A_SWEEP, evidenceOf, type OrgSweep, type SweepDeps } from './sweep-run.ts';

/** What a list has shown, and why not all of it could be compared. */
type SweptListing = Listing & { failure?: ErrorCode };

/**
 * Compares all assistants of an org with what is published, whether they are listed or not. A LIST that
 * contradicts the ledger is a reason to read the assistant itself. If more assistants differ than the limit
 * of the org allows, none of them is published, and the org is held.
 */
export const sweepOrg = async (deps: SweepDeps, run: OrgSweep): Promise<SweptListing> => {
  const { clock, ledger } = deps;
  const beganMs = redisNowMs(clock, run.anchor);
  const later = (run.later = { strays: new Set<string>(), unreadable: new Map<string, ErrorCode>() });
  await evidenceOf(deps, run);
  const before = { ...run.counts };
  const first = await compareListed(deps, run);
  const omits = await judgeList(deps, run, beganMs, first);
  const listing =
    run.evidence!.skipped > 0 && !run.evidence!.isForeign()
      ? await listAgain(deps, run, first, before)
      : first;
  await checkDiffering(deps, run, run.evidence!.release());
  await checkAbsent(deps, run, beganMs, listing, omits ? READS_A_SWEEP : Infinity);
  await checkStrays(deps, run, [...later.strays]);
  await confirmRemovals(deps, run);
  await readUnreadable(deps, run);
  const { held } = await ledger.orgs.limits(run.orgId);
  const complete = listing.complete && !omits;
  const isResolved = complete && run.evidence!.unread === 0 && run.counts.unresolved === before.unresolved;
  // While an operator's acceptance of one kind of change lasts, the list was not judged, and another kind may
  // hold the org.
  if (held && !(isResolved && run.evidence!.limits.accepted && run.evidence!.limits.held === held))
    throw new SweepFailure(held);
  const failure: ErrorCode | undefined =
    run.evidence!.unread > 0
      ? 'KEYS_NOT_SHOWN'
      : complete
        ? [...later.unreadable.values()][0]
        : 'LIST_INCOMPLETE';
  if (failure === undefined)
    await ledger.orgs.endSweep(run.orgId, { settled: run.asked && run.counts.unresolved === 0 });
  return { ...listing, complete, ...(failure && { failure }) };
};

/**
 * Lists once more: some assistants were not imported, because no known one had been listed yet, or of a hold.
 */
const listAgain = async (
  deps: SweepDeps,
  run: OrgSweep,
  { seen }: Listing,
  before: SweepCounts,
): Promise<Listing> => {
  // All are compared again, and none is counted twice.
  const { compared, agreed, held, unresolved } = before;
  Object.assign(run.counts, { compared, agreed, held, unresolved });
  const limits = await deps.ledger.orgs.limits(run.orgId);
  run.evidence = createListEvidence(limits, { reads: READS_A_SWEEP, isOurs: true });
  const { onPresent } = run;
  const listing = await compareListed(deps, {
    ...run,
    ...(onPresent && { onPresent: (ids: string[]) => onPresent(ids.filter((id) => seen.add(id))) }),
  });
  return { ...listing, seen };
};
