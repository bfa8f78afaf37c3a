import {
  IDS_A_CHUNK,
  createDistinctIds,
  timeFor,
  type BudgetOptions,
  type BulkWork,
  type DistinctIds,
  type KeyFacts,
  type Ledger,
  type Takes,
} from '@rekey/ledger';
import {
  RekeyError,
  complaintAboutId,
  failureLetters,
  noSweepCounts,
  type BulkList,
  type BulkRotation,
  type BulkSelection,
  type BulkVerification,
  type ErrorCode,
} from '@rekey/schema';
import { redisNowMs } from '../shared/clock.ts';
import { needsOperator } from '../shared/needs-operator.ts';
import type { PolicyShare } from '../policy/policy-share.ts';
import {
  SweepFailure,
  compareListed,
  sweepOrg,
  unlessCorrupt,
  type Listing,
  type OrgSweep,
  type SweepDeps,
} from '../verification/sweep/sweep.ts';

export interface BulkTaskDeps extends SweepDeps {
  work: BulkWork;
  ledger: SweepDeps['ledger'] & Pick<Ledger, 'keyFacts'>;
  budget: BudgetOptions;
  /**
   * Begins to choose whose keys a policy has replaced at a moment (Redis time, ms). Throws POLICY_NOT_FOUND.
   */
  openShare: (policyId: string, nowMs: number) => Promise<PolicyShare>;
  /** What cannot be listed, or compared, for so long is given up. */
  retryForMs: number;
  /** Aborts when the process is told to end. */
  stopping: AbortSignal;
}

/** The bulk is another's by now, or was paused or cancelled, or this process ends. */
export class BulkLost extends Error {}

type OrgSelection = BulkSelection & { kind: 'org' };

const PAGE = 100;
const DIFFERING_SHOWN = 100;
const CHECK_TRIES = 5;
/** Invent's name for the org that the API key was made in: which one that is, nobody says. */
const ALIAS = 'c';

/** Finds out which assistants a bulk has; or compares what became of them with upstream. */
export const doBulkTask =
  (deps: BulkTaskDeps) =>
  async (kind: 'prepare' | 'verify', bulkId: string, token: string): Promise<void> => {
    const { work, logger } = deps;
    const bulk = await work.read(bulkId);
    if (!bulk) throw new BulkLost();
    logger.info(
      { bulk_id: bulkId, org_id: bulk.orgId },
      kind === 'prepare' ? 'a bulk rotation is being prepared' : 'a bulk rotation is being verified',
    );
    try {
      if (kind === 'verify') await verify(deps, bulk, token);
      else if (bulk.selection.kind === 'ids') await validateNamed(deps, bulk, token);
      else await prepare(deps, bulk, bulk.selection, token);
    } catch (error) {
      if (!hasCode(error) || kind === 'verify') throw error;
      // Nothing changes a bulk while it is PREPARING, but that it is made or resumed.
      if (!isFinal(error) && (await deps.ledger.nowMs()) < bulk.updatedMs + deps.retryForMs) throw error;
      logger.error(
        { bulk_id: bulkId, org_id: bulk.orgId, code: error.code },
        'a bulk rotation cannot be prepared',
      );
      await saved(work.fail(bulkId, token, error.code));
    }
  };

const hasCode = (error: unknown): error is SweepFailure | RekeyError =>
  error instanceof SweepFailure || error instanceof RekeyError;

/** Where trying again changes nothing until somebody acts. */
const isFinal = ({ code }: SweepFailure | RekeyError): boolean =>
  needsOperator.has(code) ||
  code === 'POLICY_NOT_FOUND' ||
  code === 'ASSISTANT_NOT_FOUND' ||
  code === 'UPSTREAM_REJECTED' ||
  isHeldBy.has(code);
/** The org is held: an operator decides. */
const isHeldBy: ReadonlySet<ErrorCode> = new Set([
  'TOO_MANY_GONE',
  'TOO_MANY_WITHOUT_KEY',
  'TOO_MANY_CHANGED',
  'ORG_CHANGED',
  'KEYS_NOT_SHOWN',
]);

const saved = async (saving: Promise<boolean>): Promise<void> => {
  if (!(await saving)) throw new BulkLost();
};

const takes = (requests: number, { budget }: BulkTaskDeps): Takes => ({
  requests,
  durationMs: timeFor(requests, budget),
});

const pagesOf = (assistants: number): number => Math.ceil(assistants / PAGE);
const knownOf = async ({ ledger }: BulkTaskDeps, orgId: string): Promise<number> =>
  (await ledger.orgs()).find((org) => org.orgId === orgId)?.assistants ?? 0;

/**
 * Whether listing all of an org, as far as it is known, costs no more requests than reading so many
 * assistants one by one.
 */
const listCostsLess = (assistants: number, known: number): boolean => assistants > 1 + known / PAGE;
/** What comparing so many costs, where so many would be listed. bulk-draw.lua reckons in the same way. */
const verifyRequests = (assistants: number, known: number, listed = Math.max(known, assistants)): number =>
  listCostsLess(assistants, Math.max(known, assistants)) ? pagesOf(listed) : assistants;

const sweepOf = async (
  deps: BulkTaskDeps,
  orgId: string,
  save: () => Promise<void>,
  onPresent?: OrgSweep['onPresent'],
): Promise<OrgSweep> => {
  const anchor = { redisMs: await deps.ledger.nowMs(), clockMs: deps.clock.nowMs() };
  return {
    orgId,
    lane: 'bulk',
    anchor,
    counts: { ...noSweepCounts },
    save,
    asked: false,
    ...(onPresent && { onPresent }),
  };
};

/**
 * Its own list is a sweep of the org: what was rotated elsewhere, or never seen, is published on the way, and
 * known freshly before its POST.
 */
const prepare = async (
  deps: BulkTaskDeps,
  { id, orgId, validateOnly, createdMs }: BulkRotation,
  selection: OrgSelection,
  token: string,
): Promise<void> => {
  const { work, ledger, logger, stopping } = deps;
  await saved(work.restart(id, token));
  let total = 0;
  let waiting: string[] = [];
  const write = async (assistantIds: string[]) => {
    await saved(work.saveIds(id, token, Math.floor(total / IDS_A_CHUNK), assistantIds));
    total += assistantIds.length;
  };
  /** One call after the other: as the sweep tells of those that are there. */
  const take = async (assistantIds: string[]) => {
    for (const assistantId of assistantIds) {
      if (waiting.push(assistantId) < IDS_A_CHUNK) continue;
      const full = waiting;
      waiting = [];
      await write(full);
    }
  };
  const wanted = async (present: string[]): Promise<string[]> => {
    // What an older ledger holds may have an id that Invent's border refuses today.
    const assistantIds = present.filter((assistantId) => complaintAboutId(assistantId) === undefined);
    if (assistantIds.length < present.length)
      logger.warn(
        { bulk_id: id, org_id: orgId, assistants: present.length - assistantIds.length },
        'assistants with an invalid id are left out of a bulk rotation',
      );
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
  const { policyId, search } = selection;
  const share = policyId === undefined ? undefined : await deps.openShare(policyId, createdMs);
  const onPresent = async (present: string[]) => {
    const left = await wanted(present);
    if (!share) return take(left);
    // Whose turn it is shows only beside all others.
    const facts = await ledger.keyFacts(left);
    await share.consider(
      left.map((assistantId, i) => ({
        assistantId,
        rotatedMs: facts[i]?.rotatedMs,
        knownMs: facts[i]?.knownMs,
      })),
    );
  };
  const run = { ...(await sweepOf(deps, orgId, alive, onPresent)), thorough: true };
  const listing = await (search === undefined ? sweepOrg(deps, run) : compareListed(deps, run, search));
  const [listed, list] = [listing.count, listOf(listing)];
  // Nothing is said of assistants that nobody has seen.
  if (validateOnly && !list.complete) return saved(work.fail(id, token, 'LIST_INCOMPLETE', list));
  if (share) await take(share.chosen());
  if (waiting.length > 0) await write(waiting);
  // After a dry run the org is listed again, and there is nothing new in it.
  const finding = validateOnly ? pagesOf(listed) : run.counts.requests;
  const it = takes(finding + total + verifyRequests(total, await knownOf(deps, orgId), listed), deps);
  if (!list.complete && !validateOnly)
    logger.error(
      { bulk_id: id, org_id: orgId, listed, counted: list.counted },
      'a bulk rotation is halted before its first assistant: the list of the org is incomplete',
    );
  if (!validateOnly) return saved(work.prepared(id, token, total, it, list));
  await saved(work.saveLetters(id, token, 0, 'v'.repeat(total)));
  await saved(work.validated(id, token, it, list));
};

const listOf = ({ complete, count, counted, unreadable }: Listing): BulkList => ({
  complete,
  listed: count,
  ...(counted !== undefined && { counted }),
  unreadable,
});

/** A dry run of assistants that were named: which of them are unknown upstream, or deleted. */
const validateNamed = async (
  deps: BulkTaskDeps,
  { id, orgId, counts: { total } }: BulkRotation,
  token: string,
): Promise<void> => {
  const { work, stopping } = deps;
  const alive = async () => {
    if (stopping.aborted) throw new BulkLost();
  };
  const known = await knownOf(deps, orgId);
  const listed = listCostsLess(total, known) ? createDistinctIds() : undefined;
  const listing =
    listed &&
    (await sweepOrg(
      deps,
      await sweepOf(deps, orgId, alive, async (present) =>
        present.forEach((assistantId) => listed.add(assistantId)),
      ),
    ));
  const readOne = async (assistantId: string): Promise<string> => {
    await alive();
    return letterOfOne(deps, orgId, assistantId);
  };
  let valid = 0;
  for (let chunk = 0; chunk * IDS_A_CHUNK < total; chunk += 1) {
    const ids = await work.ids(id, chunk);
    const letters = listed
      ? await lettersOfListed(deps, ids, listed, listing!.complete ? undefined : readOne)
      : await lettersOneByOne(deps, orgId, ids, alive);
    valid += letters.filter((letter) => letter === 'v').length;
    await alive();
    await saved(work.saveLetters(id, token, chunk * IDS_A_CHUNK, letters.join('')));
  }
  await saved(work.validated(id, token, takes(valid + verifyRequests(valid, known), deps)));
};

/** An incomplete list says nothing of those that it does not hold: these are read one by one. */
const lettersOfListed = async (
  { ledger }: BulkTaskDeps,
  ids: string[],
  listed: DistinctIds,
  readOne: ((assistantId: string) => Promise<string>) | undefined,
): Promise<string[]> => {
  const facts = await ledger.keyFacts(ids);
  const letters: string[] = [];
  for (const [i, assistantId] of ids.entries()) {
    // Nobody is named twice: whoever was met before was listed.
    const isListed = !listed.add(assistantId);
    if (facts[i]?.corrupt) letters.push('I');
    else if (isListed) letters.push('v');
    else letters.push(readOne ? await readOne(assistantId) : letterOfMissing(facts[i]));
  }
  return letters;
};

const lettersOneByOne = async (
  deps: BulkTaskDeps,
  orgId: string,
  ids: string[],
  alive: () => Promise<void>,
): Promise<string[]> => {
  const letters: string[] = [];
  for (const assistantId of ids) {
    await alive();
    letters.push(await letterOfOne(deps, orgId, assistantId));
  }
  return letters;
};

const letterOfOne = async (deps: BulkTaskDeps, orgId: string, assistantId: string): Promise<string> => {
  const { ledger } = deps;
  const [before] = await ledger.keyFacts([assistantId]);
  if (isOfAnother(before, orgId)) return 'A';
  const result = await checkAtLength(deps, { orgId, assistantId });
  if (result.kind === 'corrupt') return 'I';
  if (result.elsewhere) return 'A';
  if (result.kind === 'unreadable') {
    if (needsOperator.has(result.code)) throw new SweepFailure(result.code);
    return letterOfCode(result.code);
  }
  const [facts] = await ledger.keyFacts([assistantId]);
  return facts?.state === undefined || facts.state === 'deleted' ? letterOfMissing(facts) : 'v';
};

const letterOfMissing = (facts: KeyFacts | undefined): string => (facts?.state === 'deleted' ? 'B' : 'A');
const letterOfCode = (code: ErrorCode): string =>
  Object.entries(failureLetters).find(([, meant]) => meant === code)?.[0] ?? 'H';

/** Whether it is known to be in another org: this one has it not, and need not be asked. */
const isOfAnother = (facts: KeyFacts | undefined, orgId: string): boolean =>
  facts?.orgId !== undefined &&
  facts.state !== 'deleted' &&
  facts.orgId !== orgId &&
  facts.orgId !== ALIAS &&
  orgId !== ALIAS;

/**
 * Reads one assistant, and again where what was read cannot be trusted yet. Not where somebody has to act
 * first.
 */
const checkAtLength = async (deps: BulkTaskDeps, target: { orgId: string; assistantId: string }) => {
  const { check, clock, readLagMs, stopping } = deps;
  for (let tries = 1; ; tries += 1) {
    const result = await unlessCorrupt(deps, target, () => check(target, { lane: 'bulk' }));
    if (tries === CHECK_TRIES || stopping.aborted || !('retryInMs' in result || result.kind === 'unreadable'))
      return result;
    if (result.kind === 'unreadable' && needsOperator.has(result.code)) return result;
    await clock.sleep(
      Math.min('retryInMs' in result ? result.retryInMs : (result.retryAfterMs ?? readLagMs), 10_000),
    );
  }
};

/**
 * Lists the org once more: every assistant whose published key is in force is noted as verified then. What of
 * the bulk was not is read by itself; what differs is published, and named. Where upstream does not allow it,
 * or not for so long, it is given up: the rotations are done, and a bulk that cannot be compared says so and
 * ends.
 */
const verify = async (deps: BulkTaskDeps, bulk: BulkRotation, token: string): Promise<void> => {
  const { work, ledger, clock, readLagMs, retryForMs, logger, stopping } = deps;
  const { id, orgId, selection, counts } = bulk;
  const anchor = { redisMs: await ledger.nowMs(), clockMs: clock.nowMs() };
  const sinceMs = bulk.verification?.sinceMs ?? anchor.redisMs;
  const found: BulkVerification = { verified: 0, repaired: 0, unverified: 0, differing: [], sinceMs };
  const alive = () => {
    if (stopping.aborted) throw new BulkLost();
  };
  const save = async (over = false) => {
    alive();
    await saved(work.saveVerification(id, token, found, over));
  };
  const done = counts.succeeded + counts.shared;
  if (done === 0) return save(true);
  await save();
  const isLate = () => redisNowMs(clock, anchor) >= sinceMs + retryForMs;
  let givenUp: ErrorCode | undefined;
  // What is read until then may not show the last of them yet.
  await clock.sleep(readLagMs);
  const beganMs = await ledger.nowMs();
  const repaired = new Set<string>();
  if (listCostsLess(done, await knownOf(deps, orgId))) {
    const run = await sweepOf(deps, orgId, () => save());
    try {
      await compareListed(
        deps,
        { ...run, onRepaired: (assistantId) => repaired.add(assistantId) },
        selection.kind === 'org' ? selection.search : undefined,
      );
    } catch (error) {
      if (!hasCode(error) || !(isFinal(error) || isLate())) throw error;
      givenUp = error.code;
    }
  }

  /** Under the org that it was last published under: another may have shared its rotation. */
  const compareOne = async (ofOrg: string, assistantId: string): Promise<string> => {
    if (givenUp) return 'unreadable';
    alive();
    const result = await checkAtLength(deps, { orgId: ofOrg, assistantId });
    if (result.kind === 'unreadable' && ((ofOrg === orgId && needsOperator.has(result.code)) || isLate()))
      givenUp = result.code;
    return result.kind;
  };
  for (let chunk = 0; chunk * IDS_A_CHUNK < counts.total; chunk += 1) {
    const [all, letters] = await Promise.all([work.ids(id, chunk), work.letters(id, chunk)]);
    const ids = all.filter((_, i) => letters[i] === 's' || letters[i] === 'm');
    const facts = await ledger.keyFacts(ids);
    for (const [i, assistantId] of ids.entries()) {
      const agrees = (facts[i]?.verifiedMs ?? 0) >= beganMs - readLagMs;
      const ofOrg = facts[i]?.orgId ?? orgId;
      const kind = repaired.has(assistantId)
        ? 'adopted'
        : agrees
          ? 'agreed'
          : await compareOne(ofOrg, assistantId);
      if (kind === 'agreed') {
        found.verified += 1;
        continue;
      }
      const published = kind === 'adopted' || kind === 'imported' || kind === 'removed';
      found[published ? 'repaired' : 'unverified'] += 1;
      const isNamed = found.differing.length < DIFFERING_SHOWN;
      if (isNamed) found.differing.push(assistantId);
      // Of what is given up a million may be left: the next sweep lists them.
      if (givenUp && !isNamed) continue;
      alive();
      if (!published) await ledger.requestCheck({ orgId: ofOrg, assistantId }, readLagMs);
      logger.warn(
        { bulk_id: id, org_id: ofOrg, assistant_id: assistantId, result: kind },
        published
          ? 'after a bulk rotation another key was in force; it is published'
          : 'an assistant of a bulk rotation could not be verified; it is looked at again',
      );
    }
    await save();
  }
  await save(true);
  if (givenUp)
    logger.error(
      { bulk_id: id, org_id: orgId, code: givenUp, unverified: found.unverified },
      'a bulk rotation has ended, and not all of it could be verified',
    );
  logger.info({ bulk_id: id, org_id: orgId, ...found, differing: undefined }, 'a bulk rotation has ended');
};
