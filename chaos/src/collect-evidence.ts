import { ORG } from './system/assistants.ts';
import { MAX_UNKNOWNS, type System } from './system/system.ts';
import { CONFIRM_AFTER_MS, SWEEP_EVERY_MS } from './system/timing.ts';
import type { Change, Evidence, Outcome, StatusSample } from './verdict/evidence.ts';
import type { Verdict } from './verdict/verdict.ts';

/**
 * For how long a published key may be wrong without a word from status: one interval of sweeps, and the time
 * that repairs take. Status reports a missing sweep after another interval and 30 s. A key that is wrong even
 * longer was overlooked.
 */
const WRONG_FOR_MS = 2 * SWEEP_EVERY_MS + 30_000;
/** A removal that a sweep has found is confirmed by a read after CONFIRM_AFTER_MS, which may fail once. */
const CLEAR_FOR_MS = 3 * CONFIRM_AFTER_MS;
/**
 * From the last read that shows an assistant gone to its published removal, with killed processes between.
 */
const REMOVED_WITHIN_MS = 10_000;

/** The ids of single rotations; or the outcomes of a bulk rotation of all, by assistant. */
export type Requested = string[] | Map<string, Outcome>;

/** The number of assistants that a bulk rotation left out, although they existed all the time. */
const countLeftOut = ({ orgs }: System, requested: Requested, history: Record<string, Change[]>): number =>
  requested instanceof Map
    ? [...orgs.keys()].filter((id) => !requested.has(id) && history[id]!.every(({ key }) => key !== null))
        .length
    : 0;

/** Collects what a verdict needs, after the last rotation has ended. */
export const collectEvidence = async (
  system: System,
  requested: Requested,
  { statusSamples, stuckByLog }: { statusSamples: StatusSample[]; stuckByLog: number },
): Promise<Evidence> => {
  const { ledger, simulator, orgs, fingerprint } = system;
  const published = await ledger.publishedEvents();
  const isBulk = requested instanceof Map;
  const rotations = isBulk ? [...requested.values()] : await Promise.all(requested.map(ledger.outcomeOf));
  const history = await system.history();
  return {
    history,
    published,
    rotations,
    isOurs: (assistantId) => orgs.has(assistantId),
    statusSamples,
    wrongForMs: WRONG_FOR_MS,
    clearForMs: CLEAR_FOR_MS,
    removedWithinMs: REMOVED_WITHIN_MS,
    leftOut: countLeftOut(system, requested, history),
    ...(isBulk && { succeededOnce: await ledger.succeededRotations() }),
    counts: await simulator.admin<Evidence['counts']>('GET', '/counts'),
    sweepRequests: (await ledger.sweepRequests()) + system.aliasRequests,
    orgOf: (assistantId) => orgs.get(assistantId) ?? '',
    stuckByLog,
    // The org has two names, and Rekey bounds each of them.
    boundOf: (orgId) => (orgId === ORG ? 2 * MAX_UNKNOWNS : MAX_UNKNOWNS),
    fingerprint,
  };
};

/** Logs the truth and the events of each assistant that the verdict names. */
export const logExamples = (
  { log }: System,
  { examples, longestWrong }: Verdict,
  { history, published, fingerprint }: Evidence,
): void => {
  const named = [longestWrong, ...Object.values(examples).flat()];
  for (const assistantId of new Set(named.map((example) => /^[^ :]+/.exec(example)?.[0] ?? ''))) {
    const truth = (history[assistantId] ?? []).map(({ key, atMs, by }) => ({
      key: key === null ? null : fingerprint(key),
      atMs: Math.round(atMs),
      by,
    }));
    const events = published
      .filter(({ event }) => event.subject === assistantId)
      .map(({ event: { type, data }, atMs }) => ({ atMs, type, ...data, sealed: undefined }));
    log(`judge ${JSON.stringify({ assistant_id: assistantId, truth, events })}`);
  }
};
