import { listCostsLess, IDS_A_CHUNK, type KeyFacts } from '@rekey/ledger';
import type { BulkRotation, BulkVerification, ErrorCode } from '@rekey/schema';
import { redisNowMs } from '../../shared/clock.ts';
import { needsOperator } from '../../shared/needs-operator.ts';
import { compareListed } from '../../verification/sweep/compare-listed.ts';
import { BulkLost, saved } from './bulk-lost.ts';
import { createSweepRun, throwIfStopping, type BulkTaskDeps } from './bulk-task-deps.ts';
import { checkAtLength } from './check-at-length.ts';
import { knownOf } from './estimate.ts';
import { hasCode, isFinal } from './failures.ts';

const DIFFERING_SHOWN = 100;
/** Another client may have written any total. */
const MOST_CHUNKS = 10_000;

/** The state of a verification. */
interface Verification {
  bulk: BulkRotation;
  found: BulkVerification;
  /** When the comparison began (Redis time). */
  beganMs: number;
  /** Assistants whose key in force the list has shown, and which are published with it now. */
  repaired: Set<string>;
  /** Why the rest is not compared. */
  givenUp: ErrorCode | undefined;
  isLate: () => boolean;
  save: (over?: boolean) => Promise<void>;
}

/**
 * Lists the org once more, which records as verified every assistant whose published key is in force.
 * Assistants of the bulk rotation that the list does not verify are read one by one. Keys that differ are
 * published, and their assistants named. If upstream does not allow that, or not for too long, the
 * verification is given up: the rotations are done, and the bulk rotation ends and reports what could not be
 * compared.
 */
export const verify = async (deps: BulkTaskDeps, bulk: BulkRotation, token: string): Promise<void> => {
  const { work, ledger, clock, readLagMs, retryForMs, logger } = deps;
  const { id, orgId, counts } = bulk;
  if (await mend(deps, bulk)) throw new BulkLost();
  const anchor = { redisMs: await ledger.system.nowMs(), clockMs: clock.nowMs() };
  const sinceMs = bulk.verification?.sinceMs ?? anchor.redisMs;
  const found: BulkVerification = { verified: 0, repaired: 0, unverified: 0, differing: [], sinceMs };
  const save = async (over = false) => {
    throwIfStopping(deps);
    await saved(work.saveVerification(id, token, found, over));
  };
  const done = counts.succeeded + counts.shared;
  if (done === 0) return save(true);
  await save();
  // A read before that may not show the last rotation yet.
  await clock.sleep(readLagMs);
  const verification: Verification = {
    bulk,
    found,
    beganMs: await ledger.system.nowMs(),
    repaired: new Set<string>(),
    givenUp: undefined,
    isLate: () => redisNowMs(clock, anchor) >= sinceMs + retryForMs,
    save,
  };
  if (listCostsLess(done, await knownOf(deps, orgId))) await compareByList(deps, verification);
  for (let chunk = 0; chunk < chunksOf(bulk); chunk += 1) {
    await compareChunk(deps, verification, chunk);
    await save();
  }
  // Another client may have spoiled the list of its assistants: nothing is known of what it lacks.
  const missing = Math.max(0, done - found.verified - found.repaired - found.unverified);
  found.unverified += missing;
  await save(true);
  const givenUp = verification.givenUp ?? (missing > 0 ? 'LEDGER_CORRUPT' : undefined);
  if (givenUp)
    logger.event('bulk_verification_incomplete', {
      bulk_id: id,
      org_id: orgId,
      code: givenUp,
      unverified: found.unverified,
    });
  logger.event('bulk_verified', { bulk_id: id, org_id: orgId, ...found, differing: undefined });
};

/**
 * Whether another client has changed the bulk rotation: its counts do not fit the states of its assistants,
 * or some count as rotated of which no key was published since. They wait again, once.
 */
const mend = async ({ work, ledger, logger }: BulkTaskDeps, bulk: BulkRotation): Promise<boolean> => {
  const { id, createdMs } = bulk;
  let isMended = await work.mend(id, { thorough: true });
  const chunks = isMended ? 0 : chunksOf(bulk);
  for (let chunk = 0; chunk < chunks; chunk += 1) {
    const rotated = await rotatedOf(work, id, chunk);
    const facts = await ledger.assistants.keyFacts(rotated.map(({ assistantId }) => assistantId));
    const again = rotated.filter((_, i) => isOlder(facts[i], createdMs)).map(({ index }) => index);
    if (again.length > 0 && (await work.mend(id, { again }))) isMended = true;
  }
  if (isMended) logger.event('bulk_mended', { bulk_id: id, org_id: bulk.orgId });
  return isMended;
};

const chunksOf = ({ counts }: BulkRotation): number =>
  Math.min(Math.ceil(counts.total / IDS_A_CHUNK), MOST_CHUNKS);

/** The assistants of a chunk whose states say that their keys were replaced. */
const rotatedOf = async (work: BulkTaskDeps['work'], bulkId: string, chunk: number) => {
  const [ids, letters] = await Promise.all([work.ids(bulkId, chunk), work.letters(bulkId, chunk)]);
  return ids.flatMap((assistantId, i) =>
    letters[i] === 's' || letters[i] === 'm' ? [{ assistantId, index: chunk * IDS_A_CHUNK + i }] : [],
  );
};

const isOlder = (facts: KeyFacts | undefined, createdMs: number): boolean => {
  if (facts?.corrupt || facts?.state === 'no-key' || facts?.state === 'deleted') return false;
  return (facts?.knownMs ?? 0) < createdMs;
};

const compareByList = async (deps: BulkTaskDeps, verification: Verification): Promise<void> => {
  const { bulk, repaired, save, isLate } = verification;
  const { orgId, selection } = bulk;
  const run = {
    ...(await createSweepRun(deps, orgId, () => save())),
    onRepaired: (assistantId: string) => void repaired.add(assistantId),
  };
  try {
    await compareListed(deps, run, selection.kind === 'org' ? selection.search : undefined);
  } catch (error) {
    if (!hasCode(error) || !(isFinal(error.code) || isLate())) throw error;
    verification.givenUp = error.code;
  }
};

const compareChunk = async (deps: BulkTaskDeps, verification: Verification, chunk: number): Promise<void> => {
  const { work, ledger } = deps;
  const ids = (await rotatedOf(work, verification.bulk.id, chunk)).map(({ assistantId }) => assistantId);
  const facts = await ledger.assistants.keyFacts(ids);
  for (const [i, assistantId] of ids.entries()) await compareOne(deps, verification, assistantId, facts[i]);
};

const compareOne = async (
  deps: BulkTaskDeps,
  verification: Verification,
  assistantId: string,
  facts: KeyFacts | undefined,
): Promise<void> => {
  const { ledger, readLagMs, logger } = deps;
  const { bulk, found, beganMs, repaired } = verification;
  // Another org may have shared its rotation: it is compared in the org that it was last published under.
  const orgId = facts?.orgId ?? bulk.orgId;
  const agrees = (facts?.verifiedMs ?? 0) >= beganMs - readLagMs;
  const result = repaired.has(assistantId)
    ? 'adopted'
    : agrees
      ? 'agreed'
      : await readOne(deps, verification, orgId, assistantId);
  const kind = result === 'agreed' && isOlder(facts, bulk.createdMs) ? 'not-rotated' : result;
  if (kind === 'agreed') {
    found.verified += 1;
    return;
  }
  const published = kind === 'adopted' || kind === 'imported' || kind === 'removed';
  found[published ? 'repaired' : 'unverified'] += 1;
  const isNamed = found.differing.length < DIFFERING_SHOWN;
  if (isNamed) found.differing.push(assistantId);
  // After giving up, a million may be left: the next sweep lists them.
  if (verification.givenUp && !isNamed) return;
  throwIfStopping(deps);
  if (!published) await ledger.assistants.requestCheck({ orgId, assistantId }, readLagMs);
  logger.event(published ? 'bulk_difference_published' : 'bulk_assistant_unverified', {
    bulk_id: bulk.id,
    org_id: orgId,
    assistant_id: assistantId,
    result: kind,
  });
};

const readOne = async (
  deps: BulkTaskDeps,
  verification: Verification,
  orgId: string,
  assistantId: string,
): Promise<string> => {
  if (verification.givenUp) return 'unreadable';
  throwIfStopping(deps);
  const result = await checkAtLength(deps, { orgId, assistantId });
  if (
    result.kind === 'unreadable' &&
    ((orgId === verification.bulk.orgId && needsOperator.has(result.code)) || verification.isLate())
  )
    verification.givenUp = result.code;
  return result.kind;
};
