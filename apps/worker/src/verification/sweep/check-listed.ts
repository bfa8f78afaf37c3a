import { CHECKS_AT_ONCE, checkAll } from './check-all.ts';
import type { OrgSweep, SweepDeps } from './sweep-run.ts';

/**
 * Reads assistants that LIST shows with another key, or without one. If GET keeps agreeing with the ledger,
 * LIST is not trusted any more: it is wrong, and reading all of them would use up the budget.
 */
export const checkDiffering = async (
  deps: SweepDeps,
  run: OrgSweep,
  assistantIds: string[],
): Promise<void> => {
  const { evidence, counts } = run;
  for (let at = 0; at < assistantIds.length; at += CHECKS_AT_ONCE) {
    if (evidence!.isUntrue()) return readInstead(deps, run, assistantIds.slice(at), 'known');
    const before = counts.agreed;
    const some = assistantIds.slice(at, at + CHECKS_AT_ONCE);
    await checkAll(deps, run, some);
    evidence!.noteChecked(some.length, counts.agreed - before);
  }
};

/** Reads assistants whose keys LIST does not show, up to the limit of a sweep. */
export const readInstead = async (
  deps: SweepDeps,
  run: OrgSweep,
  assistantIds: string[],
  of: 'known' | 'unseen',
): Promise<void> => {
  const { read, left } = run.evidence!.takeReads(assistantIds, of);
  run.counts.unresolved += left;
  await checkAll(deps, run, read);
};
