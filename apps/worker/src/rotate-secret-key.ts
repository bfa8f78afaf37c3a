import { setTimeout as sleep } from 'node:timers/promises';
import type { InventClient, NotDone, RotateOutcome, UpstreamRecord } from '@rekey/invent';
import type { Claim, CommitResult, KeyVersion, Ledger } from '@rekey/ledger';
import { isRedisAway, type Logger } from '@rekey/runtime';
import type { Cause, RotationJob } from '@rekey/schema';
import { sealRecord, type Sealer } from '@rekey/sealing';
import { backoffMs } from './backoff.ts';

export interface RotateDeps {
  ledger: Ledger;
  invent: InventClient;
  sealer: Sealer;
  logger: Logger;
  timing: RotateTiming;
  /** Aborts when the process is told to end: what is under way is finished, nothing long is begun. */
  stopping: AbortSignal;
}

export interface RotateTiming {
  /** The deadline of one upstream request. */
  requestTimeoutMs: number;
  /** A POST leaves within this time of asking for the claim, or not at all: a worker that was stopped in between sends nothing. */
  sendWithinMs: number;
  /** What a claim's lease leaves for everything but the upstream's answer. */
  leaseMarginMs: number;
  /** How long after its start a POST that seemed lost may still take effect. */
  landingWindowMs: number;
  /** A key that was known to be in force so shortly before a POST is taken to be the one that the POST replaced. */
  freshForMs: number;
  /** For how long after its first attempt a rotation that is certainly not done is tried again. */
  retryForMs: number;
}

/** What becomes of the job: nothing more, once more after a time, or it has no rotation in the ledger. */
export type Step = { kind: 'done' } | { kind: 'again'; inMs: number } | { kind: 'stray' };

/** A claim, and the moment of this process's monotonic clock at which it was asked for: never later than the ledger's own. */
interface Hold {
  claim: Claim;
  askedMs: number;
}

const retryBackoff = { firstMs: 1000, maxMs: 60_000 };
const readBackoff = { firstMs: 250, maxMs: 30_000 };

/**
 * Takes one rotation one step further: claim, POST, sort the outcome, commit. The ledger alone says where the rotation is,
 * so that any delivery of the job, by any worker, at any time, does what is left to do. Rejects only where something is
 * wrong that trying again later may mend.
 */
export const rotateSecretKey =
  (deps: RotateDeps) =>
  async (job: RotationJob): Promise<Step> => {
    const { requestTimeoutMs, landingWindowMs, sendWithinMs, leaseMarginMs } = deps.timing;
    const askedMs = performance.now();
    const claimed = await deps.ledger.claim(job, {
      leaseMs: sendWithinMs + requestTimeoutMs + leaseMarginMs,
      landingWindowMs: sendWithinMs + landingWindowMs,
    });
    switch (claimed.kind) {
      case 'missing':
        return { kind: 'stray' };
      case 'ended':
        return { kind: 'done' };
      case 'busy':
        // Spread, so that those who wait for one assistant do not all come at once.
        return { kind: 'again', inMs: Math.round(claimed.retryInMs * (1 + Math.random() / 4)) };
      case 'claimed':
        return post(deps, { claim: claimed.claim, askedMs });
      case 'resumed':
        return readBack(deps, { claim: claimed.claim, askedMs }, claimed.landsInMs, claimed.satisfied);
    }
  };

const post = async (deps: RotateDeps, hold: Hold): Promise<Step> => {
  const outcome: RotateOutcome = await deps.invent.rotateSecretKey(hold.claim, { sendBeforeMs: hold.askedMs + deps.timing.sendWithinMs });
  switch (outcome.outcome) {
    case 'done':
      // A refused 200 is news that the key has changed: the ledger is asked again what is to do.
      return (await publish(deps, hold, outcome.record, outcome.record.secretKey, 'rotation', 'ends')) === 'published' ? { kind: 'done' } : { kind: 'again', inMs: 0 };
    case 'not-done':
      return tryAgainOrFail(deps, hold.claim, outcome);
    case 'unknown': {
      const { ledger, logger, timing, stopping } = deps;
      logger.warn({ ...idsOf(hold.claim), reason: outcome.reason, status: outcome.status }, 'the outcome of a rotation is unknown; reading the key back');
      const status = outcome.status === undefined ? {} : { status: outcome.status };
      const holdMs = stopping.aborted ? 0 : timing.requestTimeoutMs + timing.leaseMarginMs;
      const ours = await ledger.noteUnknown(hold.claim, { readInMs: 0, holdMs, ...status });
      const landsInMs = timing.sendWithinMs + timing.landingWindowMs - (performance.now() - hold.askedMs);
      return ours && !stopping.aborted ? readBack(deps, hold, landsInMs) : { kind: 'again', inMs: 0 };
    }
  }
};

const tryAgainOrFail = async ({ ledger, logger, timing }: RotateDeps, claim: Claim, notDone: NotDone): Promise<Step> => {
  const why = { code: notDone.code, ...(notDone.status !== undefined && { status: notDone.status }) };
  const limited = notDone.code === 'UPSTREAM_RATE_LIMITED';
  const givenUp = !limited && claim.atMs - claim.startedMs > timing.retryForMs;
  if (!notDone.retry || givenUp) {
    logger.error({ ...idsOf(claim), ...why, reason: notDone.reason }, 'a rotation failed; the key was not changed');
    await ledger.fail(claim, why);
    return { kind: 'done' };
  }
  logger.warn({ ...idsOf(claim), ...why, reason: notDone.reason }, 'a rotation was not done; it is tried again');
  await ledger.release(claim, why);
  const backoff = backoffMs(claim.attempts, retryBackoff);
  return { kind: 'again', inMs: notDone.retryAfterMs === undefined ? backoff : notDone.retryAfterMs + backoff };
};

/**
 * Finds out what an unknown POST did, by reading the key in force.
 *
 * A key that differs from the one published before is published at once, for waiting would only prolong the dark time; but the
 * intent stays open until the POST can no longer take effect, and then the assistant is read again: the change may have been
 * somebody else's, with ours still to come. Only after that may another POST leave.
 *
 * A change satisfies the rotation where the key before it was known freshly enough. Where it was not, or no key was published
 * before, the change may be older than the POST: what is read is published, and becomes what later reads are compared with.
 */
const readBack = async (deps: RotateDeps, hold: Hold, landsInMs: number, alreadySatisfied = false): Promise<Step> => {
  const { ledger, invent, logger } = deps;
  const landed = landsInMs <= 0;
  const read = await invent.getAssistant(hold.claim);
  if (read.outcome === 'not-read') {
    logger.warn({ ...idsOf(hold.claim), reason: read.reason }, 'a key could not be read back');
    if (landed && read.code === 'ASSISTANT_NOT_FOUND') return settleUnlanded(deps, hold.claim, 'ASSISTANT_NOT_FOUND');
    return readAgain(deps, hold.claim, landsInMs, read.retryAfterMs);
  }
  if (read.record.secretKey === undefined) {
    logger.warn(idsOf(hold.claim), 'the key cannot be read back: the record has none');
    return landed ? settleUnlanded(deps, hold.claim, 'NO_SECRET_KEY') : readAgain(deps, hold.claim, landsInMs);
  }

  const found = await adopt(deps, hold, read.record, read.record.secretKey, { landed, alreadySatisfied });
  switch (found) {
    case 'ended':
      return { kind: 'done' };
    case 'refused':
      return { kind: 'again', inMs: 0 };
    case 'stale':
      logger.error(idsOf(hold.claim), 'what was read is an older key than the one published; reading again');
      return readAgain(deps, hold.claim, landsInMs);
    case 'satisfied':
      if (!landed) return readAgain(deps, hold.claim, landsInMs, landsInMs);
      await ledger.settle(hold.claim, redisNowMs(hold));
      return { kind: 'done' };
    case 'unsatisfied':
      return landed ? settleUnlanded(deps, hold.claim) : readAgain(deps, hold.claim, landsInMs);
  }
};

/** Publishes what was read, where it is news, and says what that means for the rotation. */
const adopt = async (
  deps: RotateDeps,
  hold: Hold,
  record: UpstreamRecord,
  secretKey: string,
  { landed, alreadySatisfied }: { landed: boolean; alreadySatisfied: boolean },
): Promise<'ended' | 'satisfied' | 'unsatisfied' | 'stale' | 'refused'> => {
  const { fingerprintBefore: before, knownForMs } = hold.claim;
  if (before !== undefined && deps.sealer.fingerprint(secretKey) === before) return alreadySatisfied ? 'satisfied' : 'unsatisfied';
  const fresh = before !== undefined && knownForMs !== undefined && knownForMs <= deps.timing.freshForMs;
  const satisfied = fresh || alreadySatisfied;
  const rotation = !satisfied ? 'goes-on' : landed ? 'ends' : 'satisfied';
  const result = await publish(deps, hold, record, secretKey, before === undefined ? 'import' : 'reconciliation', rotation);
  if (result === 'refused' || result === 'stale') return result;
  return rotation === 'ends' ? 'ended' : satisfied ? 'satisfied' : 'unsatisfied';
};

/** The outcome stays unknown; the assistant is read again after a pause that doubles, and when the window has passed. */
const readAgain = async (deps: RotateDeps, claim: Claim, landsInMs: number, atLeastMs = 0): Promise<Step> => {
  const waitMs = landsInMs > 0 ? landsInMs : readBackoff.maxMs;
  const pauseMs = Math.min(backoffMs(readsSoFar(deps, landsInMs), readBackoff), waitMs);
  const readInMs = Math.max(pauseMs, atLeastMs);
  await deps.ledger.noteUnknown(claim, { readInMs, holdMs: 0 });
  return { kind: 'again', inMs: Math.ceil(readInMs) };
};

/** The window has passed and the POST has done nothing: it is sent again, or given up where there is nothing to rotate. */
const settleUnlanded = async ({ ledger, logger }: RotateDeps, claim: Claim, fault?: 'ASSISTANT_NOT_FOUND' | 'NO_SECRET_KEY'): Promise<Step> => {
  if (fault) {
    logger.error({ ...idsOf(claim), code: fault }, 'a rotation failed');
    await ledger.fail(claim, { code: fault });
    return { kind: 'done' };
  }
  logger.info(idsOf(claim), 'the request was lost and had no effect; rotating again');
  await ledger.release(claim);
  return { kind: 'again', inMs: 0 };
};

/** About how often the assistant has been read by now: the pauses double, so their number follows from the time. */
const readsSoFar = ({ timing }: RotateDeps, landsInMs: number): number => {
  const elapsedMs = Math.max(timing.sendWithinMs + timing.landingWindowMs - landsInMs, 0);
  return 1 + Math.floor(Math.log2(1 + elapsedMs / readBackoff.firstMs));
};

const redisNowMs = ({ claim, askedMs }: Hold): number => Math.round(claim.atMs + performance.now() - askedMs);

const publish = async (
  { ledger, sealer, logger }: RotateDeps,
  hold: Hold,
  record: UpstreamRecord,
  secretKey: string,
  cause: Cause,
  rotation: KeyVersion['rotation'],
): Promise<'published' | 'refused' | 'stale'> => {
  const { claim } = hold;
  if (record.unexpected.length > 0) {
    logger.warn({ ...idsOf(claim), fields: record.unexpected }, 'the record is not as documented; it is published as it came');
  }
  const { orgId, assistantId, epoch } = claim;
  const sealed = sealRecord(sealer, { orgId, assistantId, version: epoch, assistantJson: record.json });
  const keyVersion = { fingerprint: sealer.fingerprint(secretKey), cause, sealed, updatedMs: redisNowMs(hold), rotation };
  const result = await commitAtLength({ ledger, logger }, claim, keyVersion);
  if (result.kind === 'stale') return 'stale';
  if (result.kind === 'refused') {
    logger.error({ ...idsOf(claim), version: epoch, published_version: result.publishedVersion }, 'a key was not published: another worker holds the assistant, or has published since');
    return 'refused';
  }
  logger.info({ ...idsOf(claim), version: epoch, seq: result.seq, cause }, 'a key version is published');
  return 'published';
};

/**
 * Commits, however long Redis refuses to write (out of memory, read-only, loading): the key exists nowhere else but upstream.
 * Repeating is safe. Lost connections need nothing here: ioredis sends the command again.
 */
const commitAtLength = async ({ ledger, logger }: Pick<RotateDeps, 'ledger' | 'logger'>, claim: Claim, keyVersion: KeyVersion): Promise<CommitResult> => {
  for (let tries = 1; ; tries += 1) {
    try {
      return await ledger.commit(claim, keyVersion);
    } catch (err) {
      if (!isRedisAway(err)) throw err;
      logger.error({ err, ...idsOf(claim) }, 'Redis refuses to write a key that is in force; trying again');
      await sleep(backoffMs(tries, { firstMs: 100, maxMs: 5000 }));
    }
  }
};

const idsOf = ({ rotationId, orgId, assistantId }: Claim) => ({ rotation_id: rotationId, org_id: orgId, assistant_id: assistantId });
