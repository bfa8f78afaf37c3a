import {
  withShare,
  type ByteRoom,
  type ByteShare,
  type InventClient,
  type NotDone,
  type RotateOutcome,
} from '@rekey/invent';
import type { Claim, ClaimResult, KeyVersion, Ledger } from '@rekey/ledger';
import type { Logger } from '@rekey/runtime';
import type { ErrorCode, RotationJob } from '@rekey/schema';
import { backoffMs } from '../shared/backoff.ts';
import { redisNowMs, type Anchor, type Clock } from '../shared/clock.ts';
import { ageOf } from '../verification/checks/check-assistant.ts';
import { createGate } from './gate.ts';
import type { Meter } from '../shared/meter.ts';
import { isLasting, needsOperator } from '../shared/needs-operator.ts';
import { ASK_AGAIN_WITHIN_MS, type Pacer } from '../shared/pacer.ts';
import { findingOf, idsOf, type Finding, type Publisher } from '../publishing/publisher.ts';

export interface RotateDeps {
  ledger: Pick<
    Ledger,
    'claim' | 'settle' | 'release' | 'giveBack' | 'fail' | 'compare' | 'noteTooLarge' | 'noteFits'
  >;
  invent: Pick<InventClient, 'rotateSecretKey' | 'getAssistant'>;
  /** Room for long records, from their decoding until they are published. Not bounded if not given. */
  answers?: ByteRoom;
  publisher: Publisher;
  logger: Logger;
  clock: Clock;
  pacer: Pacer;
  meter: Meter;
  timing: RotateTiming;
  /** How many POSTs of an org may be under way or of unknown outcome at once. */
  maxOpenIntents: number;
  /** Why no POST may leave at present; undefined where nothing is in its way. */
  holdBack: () => ErrorCode | undefined;
  /**
   * Resolves with true when the intent is as durable as Redis is told to make it; only then may the POST
   * leave.
   */
  confirmDurable: () => Promise<boolean>;
  /** Aborts when the process is told to end: what is under way is finished, nothing long is begun. */
  stopping: AbortSignal;
}

export interface RotateTiming {
  /** The deadline of one upstream request. */
  requestTimeoutMs: number;
  /**
   * A POST leaves within this time of asking for the claim, or not at all: a worker that was stopped in
   * between sends nothing.
   */
  sendWithinMs: number;
  /** What a claim's lease leaves for everything but the upstream's answer. */
  leaseMarginMs: number;
  /** How long after its start a POST that seemed lost may still take effect. */
  landingWindowMs: number;
  /** How far reads may lag behind what is in force. */
  readLagMs: number;
  /**
   * A read that shows no key is believed only this time after the landing window: an Invent that shows none
   * for a moment must not close intents.
   */
  confirmAfterMs: number;
  /** For how long after its first attempt a rotation that is certainly not done is tried again. */
  retryForMs: number;
}

/**
 * What becomes of the job: nothing more, once more after a time, or it has no rotation in the ledger.
 * `frozen`: no other fares better now.
 */
export type Step =
  | { kind: 'done' }
  | { kind: 'again'; inMs: number; frozen?: boolean }
  | { kind: 'stray' }
  /** Of a bulk: its assistant waits again, and no other of the org fares better for a while. */
  | { kind: 'given-back'; restMs: number };

/**
 * A claim, and the moment of this process's clock at which it was asked for: nothing that comes of it began
 * earlier.
 */
interface Held {
  claim: Claim;
  askedMs: number;
  /** When its slot was to be had at the earliest; Infinity where it is to be used however late. */
  slotMs: number;
  anchor: Anchor;
}

const retryBackoff = { firstMs: 1000, maxMs: 60_000 };
/**
 * Pauses between reads: four times as long each, for a POST that lands late lands soon as a rule, and every
 * read costs a request.
 */
const readBackoff = { firstMs: 500, maxMs: 30_000 };
const WAIT_FOR_ROOM_MS = 2000;
/** Where an outcome has been unknown for so long, or reading is refused, somebody has to look. */
const ALARM_AFTER_MS = 600_000;

/**
 * Takes one rotation one step further: claim, POST, sort the outcome, commit. The ledger alone says where the
 * rotation is, so that any delivery of the job, by any worker, at any time, does what is left to do. Rejects
 * only where something is wrong that trying again later may mend.
 */
export const rotateSecretKey = (
  deps: RotateDeps,
): ((job: RotationJob, delivery: Delivery) => Promise<Step>) => {
  // Those that would find no room in the ledger wait here, where waiting costs nothing.
  const room = createGate(deps.maxOpenIntents);
  return async (job, delivery) => {
    // What is delivered anew may have to be read back: that needs no room, and must wait for nobody.
    if (delivery === 'again') return takeStep(deps, job);
    const leave = await room.enter(job.orgId);
    try {
      return deps.stopping.aborted ? { kind: 'again', inMs: 0 } : await takeStep(deps, job);
    } finally {
      leave();
    }
  };
};

/** Takes a claim that was just made, asked for at that moment of this process's clock, as far as it goes. */
export const postClaimed =
  (deps: RotateDeps) =>
  (claim: Claim, askedMs: number): Promise<Step> =>
    post(deps, {
      claim,
      askedMs,
      slotMs: askedMs,
      anchor: { redisMs: claim.atMs, clockMs: deps.clock.nowMs() },
    });

/** Whether a job is delivered for the first time, or may have been at work before. */
export type Delivery = 'first' | 'again';

const takeStep = async (deps: RotateDeps, job: RotationJob): Promise<Step> => {
  const { claimed, askedMs, slotMs } = await claimWhenThereIsRoom(deps, job);
  const held = (claim: Claim): Held => ({
    claim,
    askedMs,
    slotMs,
    anchor: { redisMs: claim.atMs, clockMs: deps.clock.nowMs() },
  });
  switch (claimed.kind) {
    case 'missing':
      return { kind: 'stray' };
    case 'ended':
      return { kind: 'done' };
    case 'busy':
    case 'full':
    case 'halted':
    case 'frozen':
    case 'paced':
      // Spread, so that those who wait do not all come at once.
      return {
        kind: 'again',
        inMs: Math.round(Math.min(claimed.retryInMs, ASK_AGAIN_WITHIN_MS) * (1 + Math.random() / 4)),
        frozen: claimed.kind === 'frozen',
      };
    case 'claimed':
      return post(deps, held(claimed.claim));
    case 'resumed': {
      const resumed = held(claimed.claim);
      if (claimed.noted) return readBack(deps, resumed, claimed.landsInMs, claimed.satisfied);
      // The worker before this one died between its intent and its outcome.
      await noteUnknown(deps, resumed, 'the worker that sent it is gone', { senderGone: true });
      return readBack(deps, told(resumed), claimed.landsInMs, claimed.satisfied);
    }
  }
};

/** Now that the outcome is noted as unknown: consumers have been told, where a key was published. */
const told = (held: Held): Held => ({
  ...held,
  claim: { ...held.claim, uncertain: held.claim.versionBefore !== undefined },
});

/** How long after the claim the POST may still take effect, and a read still not show it. */
export const windowMs = ({
  sendWithinMs,
  landingWindowMs,
  readLagMs,
}: Pick<RotateTiming, 'sendWithinMs' | 'landingWindowMs' | 'readLagMs'>): number =>
  sendWithinMs + landingWindowMs + readLagMs;

/**
 * Claims; where as many POSTs of the org are under way as may be, it waits a little for one to end: that
 * takes less than putting off.
 */
const claimWhenThereIsRoom = async (
  deps: RotateDeps,
  job: RotationJob,
): Promise<{ claimed: ClaimResult; askedMs: number; slotMs: number }> => {
  const { ledger, clock, pacer, timing, maxOpenIntents, holdBack, stopping } = deps;
  const options = { leaseMs: leaseMs(timing), landingWindowMs: windowMs(timing), maxOpenIntents };
  const giveUpMs = clock.nowMs() + WAIT_FOR_ROOM_MS;
  const slot = pacer.newSlot();
  for (;;) {
    const askedMs = clock.nowMs();
    const claimed = await ledger.claim(job, { ...options, holdBack: holdBack(), paid: slot.paid });
    const result = { claimed, askedMs, slotMs: slot.atMs(askedMs) };
    if (stopping.aborted || (claimed.kind !== 'full' && claimed.kind !== 'paced')) return result;
    const reserved = claimed.kind === 'paced' && claimed.reserved;
    if (!reserved && askedMs + claimed.retryInMs > giveUpMs) return result;
    await slot.wait(askedMs, {
      retryInMs: claimed.kind === 'full' ? claimed.retryInMs * (0.5 + Math.random()) : claimed.retryInMs,
      reserved,
    });
  }
};

/** For how long a claim keeps others away. */
export const leaseMs = ({ sendWithinMs, requestTimeoutMs, leaseMarginMs }: RotateTiming): number =>
  sendWithinMs + requestTimeoutMs + leaseMarginMs;

const post = async (deps: RotateDeps, held: Held): Promise<Step> => {
  const { invent, publisher, meter, pacer, clock } = deps;
  const sendBeforeMs = held.askedMs + deps.timing.sendWithinMs;
  if (!(await deps.confirmDurable()))
    return tryAgainOrFail(deps, held.claim, {
      outcome: 'not-done',
      code: 'REPLICAS_MISSING',
      retry: true,
      reason: 'too few replicas confirmed the intent',
    });
  // The slot came with the claim. Where it has passed since, in whatever was waited for, another is taken, if
  // one comes in time: the lane of bulk rotations promises none.
  const leftMs = sendBeforeMs - clock.nowMs();
  if (
    leftMs > 0 &&
    !pacer.isTimely(held.slotMs) &&
    (await pacer.take('bulk', leftMs, { asItComes: true })) > 0
  ) {
    return tryAgainOrFail(deps, held.claim, {
      outcome: 'not-done',
      code: 'SENT_TOO_LATE',
      retry: true,
      reason: 'its slot had passed, and no other came in time',
    });
  }
  const step = await withShare(
    deps.answers,
    async (share): Promise<Step | Exclude<RotateOutcome, { outcome: 'done' }>> => {
      const outcome: RotateOutcome = await invent.rotateSecretKey(held.claim, { sendBeforeMs, share });
      const answeredMs = clock.nowMs();
      meter.rotated(outcome.outcome);
      if (outcome.outcome !== 'done') return outcome;
      const finding = { record: outcome.record, secretKey: outcome.record.secretKey };
      // An earlier POST of this rotation may have been lost, and may land later than anybody thought: it is
      // looked at once more.
      const checkAgain = held.claim.doubted ? { checkAgainInMs: windowMs(deps.timing) } : {};
      const result = await publisher.publish(held.claim, held.anchor, {
        finding,
        cause: 'rotation',
        rotation: 'ends',
        answeredMs,
        ...checkAgain,
        ...(outcome.noted && { noted: outcome.noted }),
      });
      // A 200 with a key of before is the answer of a cache or a replica: it says nothing about the POST.
      if (result.kind === 'old')
        return { outcome: 'unknown', reason: 'a 200 with a key of before', status: 200 };
      // A refused 200 is news that the key has changed: the assistant is read, and the ledger is asked what is
      // to do.
      return result.kind === 'refused' ? { kind: 'again', inMs: 0 } : { kind: 'done' };
    },
  );
  if ('kind' in step) return step;
  return step.outcome === 'not-done'
    ? tryAgainOrFail(deps, held.claim, step)
    : outcomeUnknown(deps, held, step);
};

const outcomeUnknown = async (
  deps: RotateDeps,
  held: Held,
  { reason, status, code: blocked }: { reason: string; status?: number; code?: ErrorCode },
): Promise<Step> => {
  const {
    timing: { requestTimeoutMs, leaseMarginMs },
    stopping,
    clock,
  } = deps;
  const ours = await noteUnknown(deps, held, reason, {
    ...(status !== undefined && { status }),
    ...(blocked && { blocked }),
    holdMs: stopping.aborted ? 0 : requestTimeoutMs + leaseMarginMs,
  });
  if (!ours || stopping.aborted) return { kind: 'again', inMs: 0 };
  const { claim, ...rest } = told(held);
  return readBack(
    deps,
    { ...rest, claim: { ...claim, ...(blocked && { blocked }) } },
    windowMs(deps.timing) - (clock.nowMs() - held.askedMs),
  );
};

const noteUnknown = async (
  { publisher, logger, timing, meter }: RotateDeps,
  { claim }: Held,
  reason: string,
  { holdMs, ...more }: { status?: number; blocked?: ErrorCode; holdMs?: number; senderGone?: boolean },
): Promise<boolean> => {
  const facts = { ...idsOf(claim), reason, status: more.status };
  if (more.blocked)
    logger.error(
      { ...facts, code: more.blocked },
      'the outcome of a rotation is unknown, and another request would fare no better until an operator acts; reading the key back',
    );
  else logger.warn(facts, 'the outcome of a rotation is unknown; reading the key back');
  meter.unknown();
  return publisher.noteUnknown(claim, {
    readInMs: 0,
    holdMs: holdMs ?? timing.requestTimeoutMs + timing.leaseMarginMs,
    ...more,
  });
};

const tryAgainOrFail = async (
  { ledger, logger, timing }: RotateDeps,
  claim: Claim,
  notDone: NotDone,
): Promise<Step> => {
  const why = { code: notDone.code, ...(notDone.status !== undefined && { status: notDone.status }) };
  if (
    claim.bulkId !== undefined &&
    claim.attempts === 1 &&
    (notDone.retry || needsOperator.has(notDone.code))
  ) {
    logger.warn(
      { ...idsOf(claim), ...why, reason: notDone.reason },
      'an assistant of a bulk was not rotated; it waits again',
    );
    await ledger.giveBack(claim, notDone.code, { halts: !notDone.retry, retryForMs: timing.retryForMs });
    return { kind: 'given-back', restMs: notDone.retryAfterMs ?? 0 };
  }
  const limited = notDone.code === 'UPSTREAM_RATE_LIMITED';
  const givenUp = !limited && claim.atMs - claim.startedMs > timing.retryForMs;
  if (!notDone.retry || givenUp) {
    logger.error(
      { ...idsOf(claim), ...why, reason: notDone.reason },
      'a rotation failed; the key was not changed',
    );
    // What Invent says of one assistant may be a proxy's second try after a first that was done; what it says
    // of the API key is not.
    await ledger.fail(claim, why, notDone.status === 400 || notDone.status === 404);
    return { kind: 'done' };
  }
  logger.warn(
    { ...idsOf(claim), ...why, reason: notDone.reason },
    'a rotation was not done; it is tried again',
  );
  await ledger.release(claim, why);
  const backoff = backoffMs(claim.attempts, retryBackoff);
  return {
    kind: 'again',
    inMs: notDone.retryAfterMs === undefined ? backoff : Math.max(notDone.retryAfterMs, backoff),
  };
};

/**
 * Finds out what an unknown POST did, by reading the key in force.
 *
 * A key that differs from the one published before is published at once, for waiting would only prolong the
 * dark time; but the intent stays open until the POST can no longer take effect and every read would show it,
 * and then the assistant is read again: the change may have been somebody else's, with ours still to come.
 * Only after that may another POST leave.
 *
 * A change satisfies the rotation only if the key before it is known to have been in force after the rotation
 * was asked for: then whatever replaced it is made since. Else the change may be older than the request: what
 * is read is published, and becomes what later reads are compared with. `updated_at` of the record cannot
 * prove that a key is new: it also moves when something else of the assistant is edited. It proves that one
 * is old: a key of a record that was last changed before the rotation began satisfies none.
 */
const readBack = async (
  deps: RotateDeps,
  held: Held,
  landsInMs: number,
  alreadySatisfied = false,
): Promise<Step> => {
  const waitMs = await deps.pacer.take('first', deps.timing.leaseMarginMs / 2);
  if (waitMs > 0)
    return readAgain(deps, held, landsInMs, {
      atLeastMs: Math.min(waitMs, readBackoff.maxMs),
      readError: 'UPSTREAM_RATE_LIMITED',
    });
  return withShare(deps.answers, (share) =>
    readAndCompare(deps, held, { landsInMs, alreadySatisfied, share }),
  );
};

const readAndCompare = async (
  deps: RotateDeps,
  held: Held,
  {
    landsInMs,
    alreadySatisfied,
    share,
  }: { landsInMs: number; alreadySatisfied: boolean; share: ByteShare | undefined },
): Promise<Step> => {
  const { ledger, invent, meter, logger, publisher, clock } = deps;
  const { claim } = held;
  const landed = landsInMs <= 0;
  const beganMs = redisNowMs(clock, held.anchor);
  const read = await invent.getAssistant(claim, { share });
  meter.read(read.outcome);
  if (read.outcome === 'not-read') {
    logger.warn({ ...idsOf(claim), code: read.code, reason: read.reason }, 'a key could not be read back');
    if (read.code === 'RECORD_TOO_LARGE') await ledger.noteTooLarge(claim, redisNowMs(clock, held.anchor));
    if (read.code === 'ASSISTANT_NOT_FOUND' && landed)
      return giveUp(deps, held, landsInMs, 'ASSISTANT_NOT_FOUND');
    return readAgain(deps, held, landsInMs, {
      readError: read.code,
      ...(read.retryAfterMs !== undefined && { atLeastMs: read.retryAfterMs }),
    });
  }
  if (claim.tooLarge) await ledger.noteFits([claim.assistantId]);
  const finding = findingOf(read.record);
  if ('removal' in finding) {
    logger.warn(idsOf(claim), 'the key cannot be read back: the record has none, or is deleted');
    return landed
      ? giveUp(deps, held, landsInMs, finding.removal === 'deleted' ? 'ASSISTANT_NOT_FOUND' : 'NO_SECRET_KEY')
      : readAgain(deps, held, landsInMs, { readError: 'NO_SECRET_KEY' });
  }

  const lag = { beganMs: beganMs - ageOf(read), lagMs: deps.timing.readLagMs };
  const state = publisher.stateOf(finding);
  const changed = state !== claim.stateBefore;
  const satisfied = alreadySatisfied || (changed && claim.fresh);
  if (changed) {
    const rotation: KeyVersion['rotation'] = !satisfied ? 'goes-on' : landed ? 'ends' : 'satisfied';
    const cause = claim.versionBefore === undefined ? 'import' : 'reconciliation';
    const noted =
      (read.unchangedForMs ?? 0) > redisNowMs(clock, held.anchor) - claim.startedMs
        ? { noted: 'before' as const }
        : {};
    const result = await publisher.publish(claim, held.anchor, {
      finding,
      cause,
      rotation,
      read: lag,
      ...noted,
    });
    switch (result.kind) {
      case 'refused':
      case 'old':
        return { kind: 'again', inMs: 0 };
      case 'stale':
        return readAgain(deps, held, landsInMs, {
          inMs: Math.min(result.retryInMs, readBackoff.maxMs),
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
    if (rotation === 'ends') return { kind: 'done' };
  } else {
    // That it is in force now may prove later that another key is made after the request.
    await ledger.compare(lag, [{ assistantId: claim.assistantId, state }]);
  }
  if (!landed) return readAgain(deps, held, landsInMs, satisfied ? { atLeastMs: landsInMs } : {});
  if (!satisfied) return rotateOnceMore(deps, held, changed ? undefined : finding, lag);
  if (claim.uncertain) {
    // An older key was read in the meantime: whoever was told so is told that it is over.
    const result = await publisher.publish(claim, held.anchor, {
      finding,
      cause: 'reconciliation',
      rotation: 'ends',
      read: lag,
    });
    return result.kind === 'committed' || result.kind === 'already'
      ? { kind: 'done' }
      : { kind: 'again', inMs: 0 };
  }
  const settled = await ledger.settle(claim, redisNowMs(clock, held.anchor), lag.beganMs - lag.lagMs);
  return settled === 'withheld'
    ? readAgain(deps, held, landsInMs, { readError: 'KEYS_NOT_SHOWN' })
    : { kind: 'done' };
};

/**
 * The outcome stays unknown; the assistant is read again after a pause that grows, and when the window has
 * passed.
 */
const readAgain = async (
  deps: RotateDeps,
  { claim }: Held,
  landsInMs: number,
  { atLeastMs = 0, inMs, readError }: { atLeastMs?: number; inMs?: number; readError?: ErrorCode } = {},
): Promise<Step> => {
  const sinceMs = windowMs(deps.timing) - landsInMs;
  const waitMs = landsInMs > 0 ? landsInMs : readBackoff.maxMs;
  const readInMs =
    inMs ?? Math.max(Math.min(backoffMs(2 * readsSoFar(sinceMs) - 1, readBackoff), waitMs), atLeastMs);
  const operatorNeeded =
    readError !== undefined && (isLasting(readError) || sinceMs > windowMs(deps.timing) + ALARM_AFTER_MS);
  if (operatorNeeded)
    deps.logger.error(
      { ...idsOf(claim), code: readError, since_ms: Math.round(sinceMs) },
      'the key in force cannot be read back until somebody acts',
    );
  await deps.publisher.noteUnknown(claim, {
    readInMs,
    holdMs: 0,
    ...(readError !== undefined && { readError }),
    operatorNeeded,
  });
  return { kind: 'again', inMs: Math.ceil(readInMs) };
};

/**
 * The window has passed and the POST has done nothing: it is sent again, unless that would be in vain. Who
 * was told that the key is in doubt is told that it is not.
 */
const rotateOnceMore = async (
  deps: RotateDeps,
  held: Held,
  unchanged: Finding | undefined,
  read: KeyVersion['read'] & object,
): Promise<Step> => {
  const { ledger, logger, publisher } = deps;
  if (unchanged && held.claim.uncertain)
    await publisher.publish(held.claim, held.anchor, {
      finding: unchanged,
      cause: 'reconciliation',
      rotation: 'goes-on',
      read,
    });
  if (held.claim.blocked) {
    logger.error(
      { ...idsOf(held.claim), code: held.claim.blocked },
      'a rotation failed: its request had no effect that satisfies it, and another one would fare no better',
    );
    await ledger.fail(held.claim, { code: held.claim.blocked }, false);
    return { kind: 'done' };
  }
  logger.info(
    idsOf(held.claim),
    'the request was lost and had no effect that satisfies the rotation; rotating again',
  );
  await ledger.release(held.claim);
  return { kind: 'again', inMs: 0 };
};

/**
 * The window has passed, and there is nothing to rotate; at first that may be a lie. The check that follows
 * publishes that.
 */
const giveUp = async (
  deps: RotateDeps,
  held: Held,
  landsInMs: number,
  code: 'ASSISTANT_NOT_FOUND' | 'NO_SECRET_KEY',
): Promise<Step> => {
  const {
    ledger,
    logger,
    timing: { confirmAfterMs },
  } = deps;
  const { claim } = held;
  if (-landsInMs < confirmAfterMs)
    return readAgain(deps, held, landsInMs, { inMs: confirmAfterMs + landsInMs, readError: code });
  logger.error({ ...idsOf(claim), code }, 'a rotation failed');
  await ledger.fail(claim, { code }, true);
  return { kind: 'done' };
};

/**
 * About how often the assistant has been read by now: the pauses grow fourfold, so their number follows from
 * the time.
 */
const readsSoFar = (sinceMs: number): number =>
  1 + Math.floor(Math.log2(1 + (3 * Math.max(sinceMs, 0)) / readBackoff.firstMs) / 2);
