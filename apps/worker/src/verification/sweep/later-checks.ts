import type { Listing } from '../lists/read-list.ts';
import { unlessCorrupt } from '../quarantine.ts';
import { checkAll } from './check-all.ts';
import { READS_A_SWEEP, type OrgSweep, type SweepDeps } from './sweep-run.ts';

const ABSENT_PAGE = 100;
/** How often a sweep that waits renews its lease. */
const SAVE_EVERY_MS = 10_000;
/** An assistant that could not be read is read once more after this time. */
const READ_AGAIN_MS = 5000;

/** Reads the assistants that were not listed. Absence from the list is not deletion, until two GETs agree. */
export const checkAbsent = async (
  deps: SweepDeps,
  run: OrgSweep,
  beganMs: number,
  { seen }: Listing,
  atMost: number,
): Promise<void> => {
  // A check that finds an assistant takes it off the absent ones. The others stay first in order and are
  // skipped.
  const checked = new Set<string>();
  for (let offset = 0; checked.size < atMost;) {
    const size = Math.min(ABSENT_PAGE, atMost);
    const absent = await deps.ledger.assistants.notSeenSince(run.orgId, beganMs, { offset, size });
    if (absent.length === 0) return;
    const unchecked = absent.filter((assistantId) => !checked.has(assistantId));
    offset += absent.length - unchecked.length;
    for (const assistantId of unchecked) checked.add(assistantId);
    run.counts.compared += unchecked.length;
    const present = await checkAll(deps, run, unchecked);
    // A listed assistant that cannot be recorded as seen was reported before.
    await run.onPresent?.(present.filter((assistantId) => seen.add(assistantId)));
    await run.save();
  }
};

/**
 * Checks assistants that this org lists and that were published under another: they may have moved. Each
 * costs two requests, so that a sweep checks only a few. The list has to be judged first: an API key of
 * another org lists everything of that org.
 */
export const checkStrays = async (deps: SweepDeps, run: OrgSweep, assistantIds: string[]): Promise<void> => {
  const { orgId, lane, counts } = run;
  for (const assistantId of assistantIds) {
    counts.requests += 2;
    const target = { orgId, assistantId };
    await unlessCorrupt(deps, target, () => deps.check(target, { lane }));
  }
};

/**
 * A removal that one read has shown is published only if a later read agrees. The sweep of an org that an
 * operator named waits for that.
 */
export const confirmRemovals = async (deps: SweepDeps, run: OrgSweep): Promise<void> => {
  const { unconfirmed } = run.evidence!;
  if (!run.asked || unconfirmed.size === 0) return;
  await pause(deps, run, Math.max(...unconfirmed.values()));
  const assistantIds = [...unconfirmed.keys()];
  unconfirmed.clear();
  run.counts.unresolved -= assistantIds.length;
  await checkAll(deps, run, assistantIds);
};

/**
 * A published key that LIST disputes and GET cannot read may be wrong: after another try, the sweep fails
 * with the reason. Assistants that were not read because the budget granted no request are checked soon.
 */
export const readUnreadable = async (deps: SweepDeps, run: OrgSweep): Promise<void> => {
  const { unreadable } = run.later!;
  const assistantIds = [...unreadable.keys()].slice(0, READS_A_SWEEP);
  if (assistantIds.length === 0) return;
  await pause(deps, run, READ_AGAIN_MS);
  for (const assistantId of assistantIds) unreadable.delete(assistantId);
  run.counts.unresolved -= assistantIds.length;
  await checkAll(deps, run, assistantIds);
};

/** The sweep keeps its lease meanwhile. */
const pause = async ({ clock }: SweepDeps, { save }: OrgSweep, ms: number): Promise<void> => {
  for (let leftMs = ms; leftMs > 0; leftMs -= SAVE_EVERY_MS) {
    await save();
    await clock.sleep(Math.min(leftMs, SAVE_EVERY_MS));
  }
  await save();
};
