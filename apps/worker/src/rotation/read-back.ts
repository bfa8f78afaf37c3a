import { withShare, type ByteShare, type ReadOutcome } from '@rekey/invent';
import type { KeyVersion } from '@rekey/ledger';
import { findingOf, type Finding } from '../publishing/finding.ts';
import { redisNowMs } from '../shared/clock.ts';
import { idsOf } from '../shared/ids-of.ts';
import { ageOf } from '../shared/read-outcome.ts';
import { LONGEST_READ_PAUSE_MS, readAgain } from './read-again.ts';
import type { Held, RotateDeps, Step } from './rotate-deps.ts';

/** What is known of a rotation whose outcome is unknown, before its key is read. */
interface Unresolved {
  /** In how many ms the POST can no longer take effect unseen; not positive once that time has passed. */
  landsInMs: number;
  alreadySatisfied: boolean;
}

/**
 * Finds out what a POST with an unknown outcome did, by reading the key in force.
 *
 * A key that differs from the published one is published at once: waiting would only prolong the time in
 * which consumers hold a key that is not in force. The intent stays open until the POST can no longer take
 * effect and every read would show it. Then the assistant is read again: the change may have been made by
 * someone else, with the effect of this POST still to come. Only after that may another POST leave.
 *
 * A change satisfies the rotation only if the key before it is known to have been in force after the rotation
 * was requested: then its replacement was made since. Otherwise the change may be older than the request: the
 * key is published, and later reads are compared with it. `updated_at` of the record cannot prove that a key
 * is new, because it also changes when other fields are edited. It proves that a key is old: if the record
 * was last changed before the rotation began, its key satisfies no rotation.
 */
export const readBack = async (
  deps: RotateDeps,
  held: Held,
  landsInMs: number,
  alreadySatisfied = false,
): Promise<Step> => {
  const waitMs = await deps.pacer.take('first', deps.timing.leaseMarginMs / 2);
  if (waitMs > 0)
    return readAgain(deps, held, landsInMs, {
      atLeastMs: Math.min(waitMs, LONGEST_READ_PAUSE_MS),
      readError: 'UPSTREAM_RATE_LIMITED',
    });
  return withShare(deps.answers, (share) =>
    readAndCompare(deps, held, { landsInMs, alreadySatisfied }, share),
  );
};

const readAndCompare = async (
  deps: RotateDeps,
  held: Held,
  unresolved: Unresolved,
  share: ByteShare | undefined,
): Promise<Step> => {
  const { ledger, invent, meter, logger, clock } = deps;
  const { claim } = held;
  const { landsInMs } = unresolved;
  const beganMs = redisNowMs(clock, held.anchor);
  const read = await invent.getAssistant(claim, { share });
  meter.read(read.outcome);
  if (read.outcome === 'not-read') return notRead(deps, held, landsInMs, read);
  if (claim.tooLarge) await ledger.assistants.noteFits([claim.assistantId]);
  const finding = findingOf(read.record);
  if ('removal' in finding) {
    logger.event('key_read_empty', idsOf(claim));
    return landsInMs <= 0
      ? giveUp(deps, held, landsInMs, finding.removal === 'deleted' ? 'ASSISTANT_NOT_FOUND' : 'NO_SECRET_KEY')
      : readAgain(deps, held, landsInMs, { readError: 'NO_SECRET_KEY' });
  }
  const lag = { beganMs: beganMs - ageOf(read), lagMs: deps.timing.readLagMs };
  return compare(deps, held, unresolved, { finding, lag, unchangedForMs: read.unchangedForMs ?? 0 });
};

const notRead = async (
  deps: RotateDeps,
  held: Held,
  landsInMs: number,
  read: Extract<ReadOutcome, { outcome: 'not-read' }>,
): Promise<Step> => {
  const { ledger, logger, clock } = deps;
  const { claim, anchor } = held;
  logger.event('key_read_failed', { ...idsOf(claim), code: read.code, reason: read.reason });
  if (read.code === 'RECORD_TOO_LARGE')
    await ledger.assistants.noteTooLarge(claim, redisNowMs(clock, anchor));
  if (read.code === 'ASSISTANT_NOT_FOUND' && landsInMs <= 0)
    return giveUp(deps, held, landsInMs, 'ASSISTANT_NOT_FOUND');
  return readAgain(deps, held, landsInMs, {
    readError: read.code,
    ...(read.retryAfterMs !== undefined && { atLeastMs: read.retryAfterMs }),
  });
};

/** A key that was read: when that read began, and for how long the record has not changed. */
interface KeyRead {
  finding: Finding;
  lag: KeyVersion['read'] & object;
  unchangedForMs: number;
}

const compare = async (
  deps: RotateDeps,
  held: Held,
  { landsInMs, alreadySatisfied }: Unresolved,
  key: KeyRead,
): Promise<Step> => {
  const { ledger, publisher } = deps;
  const { claim } = held;
  const { finding, lag } = key;
  const landed = landsInMs <= 0;
  const state = publisher.stateOf(finding);
  const changed = state !== claim.stateBefore;
  const satisfied = alreadySatisfied || (changed && claim.fresh);
  if (changed) {
    const step = await publishChange(deps, held, landsInMs, satisfied, key);
    if (step) return step;
  } else {
    // That this key is in force now may prove later that another key was made after the request.
    await ledger.assistants.compare(lag, [{ assistantId: claim.assistantId, state }]);
  }
  if (!landed) return readAgain(deps, held, landsInMs, satisfied ? { atLeastMs: landsInMs } : {});
  if (!satisfied) return rotateOnceMore(deps, held, changed ? undefined : finding, lag);
  return settle(deps, held, landsInMs, key);
};

/** Publishes a key that differs from the published one. Returns the step if that decides it. */
const publishChange = async (
  deps: RotateDeps,
  held: Held,
  landsInMs: number,
  satisfied: boolean,
  { finding, lag, unchangedForMs }: KeyRead,
): Promise<Step | undefined> => {
  const { publisher, clock } = deps;
  const { claim, anchor } = held;
  const landed = landsInMs <= 0;
  const rotation: KeyVersion['rotation'] = !satisfied ? 'continues' : landed ? 'ends' : 'satisfied';
  const isOlder = unchangedForMs > redisNowMs(clock, anchor) - claim.startedMs;
  const result = await publisher.publish(claim, anchor, {
    finding,
    cause: claim.versionBefore === undefined ? 'import' : 'reconciliation',
    rotation,
    read: lag,
    ...(isOlder && { noted: 'before' as const }),
  });
  switch (result.kind) {
    case 'refused':
    case 'old':
      return { kind: 'retry', inMs: 0 };
    case 'stale':
      return readAgain(deps, held, landsInMs, {
        inMs: Math.min(result.retryInMs, LONGEST_READ_PAUSE_MS),
        readError: 'STALE_READ',
      });
    case 'withheld':
      return readAgain(deps, held, landsInMs, { readError: result.code });
    case 'doubted':
    case 'unconfirmed':
      return readAgain(deps, held, landsInMs, { atLeastMs: result.retryInMs });
  }
  if (result.satisfiesNone)
    return landed ? rotateOnceMore(deps, held, undefined, lag) : readAgain(deps, held, landsInMs);
  return rotation === 'ends' ? { kind: 'done' } : undefined;
};

/** Ends a rotation that is satisfied, and whose landing window has passed. */
const settle = async (
  deps: RotateDeps,
  held: Held,
  landsInMs: number,
  { finding, lag }: KeyRead,
): Promise<Step> => {
  const { ledger, publisher, clock } = deps;
  const { claim, anchor } = held;
  if (claim.uncertain) {
    // An older key was read meanwhile, and consumers were notified: they get a version that ends the doubt.
    const result = await publisher.publish(claim, anchor, {
      finding,
      cause: 'reconciliation',
      rotation: 'ends',
      read: lag,
    });
    return result.kind === 'committed' || result.kind === 'already'
      ? { kind: 'done' }
      : { kind: 'retry', inMs: 0 };
  }
  const settled = await ledger.rotations.settle(claim, redisNowMs(clock, anchor), lag.beganMs - lag.lagMs);
  return settled === 'withheld'
    ? readAgain(deps, held, landsInMs, { readError: 'KEYS_NOT_SHOWN' })
    : { kind: 'done' };
};

/**
 * Releases the claim for another POST, unless that would fail too: the landing window has passed, and the
 * POST has done nothing that satisfies the rotation. Consumers that hold the key for uncertain get a version
 * of it.
 */
const rotateOnceMore = async (
  deps: RotateDeps,
  held: Held,
  unchanged: Finding | undefined,
  read: KeyVersion['read'] & object,
): Promise<Step> => {
  const { ledger, logger, publisher } = deps;
  const { claim, anchor } = held;
  if (unchanged && claim.uncertain)
    await publisher.publish(claim, anchor, {
      finding: unchanged,
      cause: 'reconciliation',
      rotation: 'continues',
      read,
    });
  if (claim.blocked) {
    const message =
      'rotation failed: its request had no effect that satisfies it, and another would fail too';
    logger.event('rotation_failed', { ...idsOf(claim), code: claim.blocked }, message);
    await ledger.rotations.fail(claim, { code: claim.blocked }, false);
    return { kind: 'done' };
  }
  logger.event('rotation_request_lost', idsOf(claim));
  await ledger.rotations.release(claim);
  return { kind: 'retry', inMs: 0 };
};

/**
 * Fails a rotation whose assistant has no key after the landing window. For a while that may be a wrong
 * answer, so that the assistant is read again first. The check that follows publishes the removal.
 */
const giveUp = async (
  deps: RotateDeps,
  held: Held,
  landsInMs: number,
  code: 'ASSISTANT_NOT_FOUND' | 'NO_SECRET_KEY',
): Promise<Step> => {
  const { ledger, logger, timing } = deps;
  const { claim } = held;
  if (-landsInMs < timing.confirmAfterMs)
    return readAgain(deps, held, landsInMs, { inMs: timing.confirmAfterMs + landsInMs, readError: code });
  logger.event('rotation_failed', { ...idsOf(claim), code });
  await ledger.rotations.fail(claim, { code }, true);
  return { kind: 'done' };
};
