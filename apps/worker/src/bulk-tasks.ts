import { IDS_A_CHUNK, timeFor, type BudgetOptions, type BulkWork, type Ledger, type Takes } from '@rekey/ledger';
import { RekeyError, noSweepCounts, type BulkRotation, type BulkSelection, type BulkVerification } from '@rekey/schema';
import { needsOperator } from './needs-operator.ts';
import type { PolicyCandidate } from './policy-share.ts';
import { SweepFailure, compareListed, sweepOrg, type OrgSweep, type SweepDeps } from './sweep.ts';

export interface BulkTaskDeps extends SweepDeps {
  work: BulkWork;
  ledger: SweepDeps['ledger'] & Pick<Ledger, 'keyFacts'>;
  budget: BudgetOptions;
  /** Which of its assistants a policy has replaced at a moment (Redis time, ms). Throws POLICY_NOT_FOUND. */
  chooseShare: (policyId: string, candidates: readonly PolicyCandidate[], nowMs: number) => Promise<string[]>;
  /** Aborts when the process is told to end. */
  stopping: AbortSignal;
}

/** The bulk is another's by now, or was paused or cancelled, or this process ends. */
export class BulkLost extends Error {}

type OrgSelection = BulkSelection & { kind: 'org' };

const PAGE = 100;
const DIFFERING_SHOWN = 100;
const CHECK_TRIES = 5;

/** Finds out which assistants a bulk has; or compares what became of them with upstream. */
export const doBulkTask =
  (deps: BulkTaskDeps) =>
  async (kind: 'prepare' | 'verify', bulkId: string, token: string): Promise<void> => {
    const { work, logger } = deps;
    const bulk = await work.read(bulkId);
    if (!bulk) throw new BulkLost();
    logger.info({ bulk_id: bulkId, org_id: bulk.orgId }, kind === 'prepare' ? 'a bulk rotation is being prepared' : 'a bulk rotation is being verified');
    try {
      if (kind === 'verify') await verify(deps, bulk, token);
      else if (bulk.selection.kind === 'ids') await validateNamed(deps, bulk, token);
      else await prepare(deps, bulk, bulk.selection, token);
    } catch (error) {
      if (!(error instanceof SweepFailure || error instanceof RekeyError) || kind === 'verify' || !isFinal(error)) throw error;
      logger.error({ bulk_id: bulkId, org_id: bulk.orgId, code: error.code }, 'a bulk rotation cannot be prepared');
      await saved(work.fail(bulkId, token, error.code));
    }
  };

/** Where trying again changes nothing until somebody acts. */
const isFinal = ({ code }: SweepFailure | RekeyError): boolean => needsOperator.has(code) || code === 'POLICY_NOT_FOUND' || code === 'ASSISTANT_NOT_FOUND' || code === 'UPSTREAM_REJECTED' || code === 'TOO_MANY_GONE';

const saved = async (saving: Promise<boolean>): Promise<void> => {
  if (!(await saving)) throw new BulkLost();
};

/** What finding, rotating and verifying so many assistants takes. */
const takes = (assistants: number, { budget }: BulkTaskDeps): Takes => {
  const requests = assistants + 2 * Math.ceil(assistants / PAGE);
  return { requests, durationMs: timeFor(requests, budget) };
};

const sweepOf = async (deps: BulkTaskDeps, orgId: string, save: () => Promise<void>, onPresent?: OrgSweep['onPresent']): Promise<OrgSweep> => {
  const anchor = { redisMs: await deps.ledger.nowMs(), clockMs: deps.clock.nowMs() };
  return { orgId, lane: 'bulk', anchor, counts: { ...noSweepCounts }, save, asked: false, ...(onPresent && { onPresent }) };
};

/** Its own list is a sweep of the org: what was rotated elsewhere, or never seen, is published on the way, and known freshly before its POST. */
const prepare = async (deps: BulkTaskDeps, { id, orgId, validateOnly, createdMs }: BulkRotation, selection: OrgSelection, token: string): Promise<void> => {
  const { work, ledger, stopping } = deps;
  await saved(work.restart(id, token));
  let total = 0;
  let waiting: string[] = [];
  const write = async (assistantIds: string[]) => {
    await saved(work.saveIds(id, token, Math.floor(total / IDS_A_CHUNK), assistantIds));
    total += assistantIds.length;
  };
  const take = async (assistantIds: string[]) => {
    waiting.push(...assistantIds);
    for (; waiting.length >= IDS_A_CHUNK; waiting = waiting.slice(IDS_A_CHUNK)) await write(waiting.slice(0, IDS_A_CHUNK));
  };
  const wanted = async (assistantIds: string[]): Promise<string[]> => {
    const excluded = await work.excluded(id, assistantIds);
    const left = assistantIds.filter((_, i) => !excluded[i]);
    const { rotatedBeforeMs } = selection;
    if (rotatedBeforeMs === undefined) return left;
    const facts = await ledger.keyFacts(left);
    return left.filter((_, i) => (facts[i]?.rotatedMs ?? 0) < rotatedBeforeMs);
  };
  const alive = async () => {
    if (stopping.aborted) throw new BulkLost();
  };
  const { policyId } = selection;
  const candidates: PolicyCandidate[] = [];
  const onPresent = async (present: string[]) => {
    const left = await wanted(present);
    if (policyId === undefined) return take(left);
    // Whose turn it is shows only beside all others.
    const facts = await ledger.keyFacts(left);
    for (const [i, assistantId] of left.entries()) candidates.push({ assistantId, ...facts[i] });
  };
  const run = await sweepOf(deps, orgId, alive, onPresent);
  if (selection.search === undefined) await sweepOrg(deps, run);
  else await compareListed(deps, run, selection.search);
  if (policyId !== undefined) await take(await deps.chooseShare(policyId, candidates, createdMs));
  if (waiting.length > 0) await write(waiting);
  if (!validateOnly) return saved(work.prepared(id, token, total, takes(total, deps)));
  await saved(work.saveLetters(id, token, 0, 'v'.repeat(total)));
  await saved(work.validated(id, token, takes(total, deps)));
};

/** A dry run of assistants that were named: which of them are unknown upstream, or deleted. */
const validateNamed = async (deps: BulkTaskDeps, { id, orgId, counts: { total } }: BulkRotation, token: string): Promise<void> => {
  const { work, ledger, stopping } = deps;
  const run = await sweepOf(deps, orgId, async () => {
    if (stopping.aborted) throw new BulkLost();
  });
  const listed = new Set<string>();
  if (await listCostsLess(deps, orgId, total)) {
    await sweepOrg(deps, { ...run, onPresent: async (present) => present.forEach((assistantId) => listed.add(assistantId)) });
  } else {
    for (let chunk = 0; chunk * IDS_A_CHUNK < total; chunk += 1) {
      for (const assistantId of await work.ids(id, chunk)) {
        const { kind } = await checkAtLength(deps, orgId, assistantId);
        const [facts] = await ledger.keyFacts([assistantId]);
        if (kind !== 'unreadable' && facts?.state !== undefined && facts.state !== 'deleted') listed.add(assistantId);
      }
    }
  }
  let valid = 0;
  for (let chunk = 0; chunk * IDS_A_CHUNK < total; chunk += 1) {
    const ids = await work.ids(id, chunk);
    const facts = await ledger.keyFacts(ids);
    valid += ids.filter((assistantId) => listed.has(assistantId)).length;
    const letters = ids.map((assistantId, i) => (listed.has(assistantId) ? 'v' : facts[i]?.state === 'deleted' ? 'B' : 'A')).join('');
    await saved(work.saveLetters(id, token, chunk * IDS_A_CHUNK, letters));
  }
  await saved(work.validated(id, token, takes(valid, deps)));
};

/** Whether listing all of the org costs no more requests than reading so many assistants one by one. */
const listCostsLess = async ({ ledger }: BulkTaskDeps, orgId: string, assistants: number): Promise<boolean> => {
  const known = (await ledger.orgs()).find((org) => org.orgId === orgId)?.assistants ?? 0;
  return assistants > 1 + known / PAGE;
};

/** Reads one assistant, and again where what was read cannot be trusted yet. */
const checkAtLength = async ({ check, clock, readLagMs, stopping }: BulkTaskDeps, orgId: string, assistantId: string) => {
  for (let tries = 1; ; tries += 1) {
    const result = await check({ orgId, assistantId }, { lane: 'bulk' });
    if (tries === CHECK_TRIES || stopping.aborted || !('retryInMs' in result || result.kind === 'unreadable')) return result;
    await clock.sleep(Math.min('retryInMs' in result ? result.retryInMs : (result.retryAfterMs ?? readLagMs), 10_000));
  }
};

/**
 * Lists the org once more: every assistant whose published key is in force is noted as verified then. What of the bulk was not is read by
 * itself; what differs is published, and named.
 */
const verify = async (deps: BulkTaskDeps, bulk: BulkRotation, token: string): Promise<void> => {
  const { work, ledger, clock, readLagMs, logger, stopping } = deps;
  const { id, orgId, selection, counts } = bulk;
  const found: BulkVerification = { verified: 0, repaired: 0, unverified: 0, differing: [] };
  const save = async (over = false) => {
    if (stopping.aborted) throw new BulkLost();
    await saved(work.saveVerification(id, token, found, over));
  };
  const done = counts.succeeded + counts.shared;
  if (done === 0) return save(true);
  // What is read until then may not show the last of them yet.
  await clock.sleep(readLagMs);
  const beganMs = await ledger.nowMs();
  const repaired = new Set<string>();
  if (await listCostsLess(deps, orgId, done)) {
    const run = await sweepOf(deps, orgId, () => save());
    await compareListed(deps, { ...run, onRepaired: (assistantId) => repaired.add(assistantId) }, selection.kind === 'org' ? selection.search : undefined);
  }

  for (let chunk = 0; chunk * IDS_A_CHUNK < counts.total; chunk += 1) {
    const [all, letters] = await Promise.all([work.ids(id, chunk), work.letters(id, chunk)]);
    const ids = all.filter((_, i) => letters[i] === 's' || letters[i] === 'm');
    const facts = await ledger.keyFacts(ids);
    for (const [i, assistantId] of ids.entries()) {
      const agrees = (facts[i]?.verifiedMs ?? 0) >= beganMs - readLagMs;
      const kind = repaired.has(assistantId) ? 'adopted' : agrees ? 'agreed' : (await checkAtLength(deps, orgId, assistantId)).kind;
      if (kind === 'agreed') {
        found.verified += 1;
        continue;
      }
      const published = kind === 'adopted' || kind === 'imported' || kind === 'removed';
      found[published ? 'repaired' : 'unverified'] += 1;
      if (!published) await ledger.requestCheck({ orgId, assistantId }, readLagMs);
      if (found.differing.length < DIFFERING_SHOWN) found.differing.push(assistantId);
      logger.warn({ bulk_id: id, org_id: orgId, assistant_id: assistantId, result: kind }, published ? 'after a bulk rotation another key was in force; it is published' : 'an assistant of a bulk rotation could not be verified; it is looked at again');
    }
    await save();
  }
  await save(true);
  logger.info({ bulk_id: id, org_id: orgId, ...found, differing: undefined }, 'a bulk rotation has ended');
};
