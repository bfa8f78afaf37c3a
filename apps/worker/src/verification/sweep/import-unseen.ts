import type { Listed } from '../lists/list-evidence.ts';
import { unlessCorrupt } from '../quarantine.ts';
import { checkAll } from './check-all.ts';
import { readInstead } from './check-listed.ts';
import type { OrgSweep, SweepDeps } from './sweep-run.ts';

/**
 * Publishes assistants that were never published: there is nothing that this could overwrite. LIST alone is
 * not trusted: some of each page are read one by one, which publishes them. Only if LIST has shown their keys
 * correctly, the others are published as they were listed.
 *
 * Nothing is imported before a known assistant was listed, if there are any, nor while the list may partly be
 * of another org: that is decided at its end.
 */
export const importUnseen = async (
  deps: SweepDeps,
  run: OrgSweep,
  unseen: Listed[],
  beganMs: number,
): Promise<void> => {
  const { counts, orgId } = run;
  const evidence = run.evidence!;
  if (
    evidence.isTooNew(unseen.length) ||
    evidence.isForeign() ||
    (evidence.limits.held && !evidence.limits.accepted)
  ) {
    evidence.skipped += unseen.length;
    return;
  }
  const { shown, unshown } = evidence.split(unseen);
  // Nothing is published of a record that is too long. The read reports it.
  const unusable = [...unshown, ...shown.filter(({ tooLarge }) => tooLarge)];
  await readInstead(deps, run, idsOf(unusable), 'unseen');
  let rest = shown.filter(({ tooLarge }) => !tooLarge);
  const isSampleRight = async (count: number): Promise<boolean> => {
    // The sample is not always the first ones.
    const from = Math.floor(Math.random() * Math.max(rest.length - count + 1, 1));
    const sample = rest.slice(from, from + count);
    rest = [...rest.slice(0, from), ...rest.slice(from + count)];
    return isListedRight(deps, run, sample);
  };
  if (rest.length > 0 && !evidence.isUntrue()) {
    const size = evidence.sampleSize();
    // One assistant may have been rotated between LIST and GET; not one of each of two samples.
    if (size > 0 && !(await isSampleRight(size)) && !(await isSampleRight(size))) evidence.noteUntrue();
  }
  if (evidence.isUntrue()) return readInstead(deps, run, idsOf(rest), 'unseen');
  for (const one of rest) {
    const imported = await unlessCorrupt(deps, { orgId, assistantId: one.assistantId }, () =>
      importListed(deps, run, one, beganMs),
    );
    counts[imported === true ? 'imported' : imported === false ? 'held' : 'unresolved'] += 1;
  }
};

/** Reads a sample of a page. Returns whether LIST has shown the keys that GET shows. */
const isListedRight = async (deps: SweepDeps, run: OrgSweep, sample: Listed[]): Promise<boolean> => {
  await checkAll(deps, run, idsOf(sample));
  // What GET showed is published by now, unless a rotation owns the assistant or the read failed: that proves
  // nothing.
  const facts = await deps.ledger.assistants.keyFacts(idsOf(sample));
  const answers = sample.flatMap(({ state }, i) =>
    facts[i]?.state === undefined ? [] : [facts[i].state === state],
  );
  return sample.length === 0 || (answers.length > 0 && answers.every(Boolean));
};

/**
 * Reads some of a page that shows no key at all, and of which none ever had one: LIST may omit the keys, and
 * GET may show them.
 */
export const sampleKeyless = async (
  deps: SweepDeps,
  run: OrgSweep,
  listed: Listed[],
  agreeing: Listed[],
): Promise<void> => {
  const { evidence, counts } = run;
  if (
    agreeing.length === 0 ||
    agreeing.length < listed.length ||
    listed.some(({ state }) => state !== 'no-key')
  )
    return;
  const assistantIds = idsOf(listed);
  if (evidence!.isUntrue()) return readInstead(deps, run, assistantIds, 'unseen');
  const size = Math.max(evidence!.sampleSize(), 1);
  const imported = counts.imported;
  await checkAll(deps, run, assistantIds.slice(0, size));
  if (counts.imported === imported) return;
  evidence!.noteUntrue();
  await readInstead(deps, run, assistantIds.slice(size), 'unseen');
};

/** Publishes an assistant as it was listed; costs no request. Returns false if a rotation was faster. */
const importListed = async (
  { ledger, publisher, clock, readLagMs }: SweepDeps,
  { orgId }: OrgSweep,
  { assistantId, finding }: Listed,
  beganMs: number,
): Promise<boolean> => {
  const looked = await ledger.assistants.beginCheck({ orgId, assistantId });
  if (looked.kind === 'held' || looked.hold.versionBefore !== undefined) return false;
  const anchor = { redisMs: looked.hold.atMs, clockMs: clock.nowMs() };
  const result = await publisher.publish(looked.hold, anchor, {
    finding,
    cause: 'import',
    rotation: 'continues',
    read: { beganMs, lagMs: readLagMs },
  });
  return result.kind === 'committed' || result.kind === 'already';
};

const idsOf = (listed: Listed[]): string[] => listed.map(({ assistantId }) => assistantId);
