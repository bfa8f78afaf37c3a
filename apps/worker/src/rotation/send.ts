import { withShare, type ByteShare, type RotateOutcome } from '@rekey/invent';
import type { ErrorCode } from '@rekey/schema';
import { noteUnknown } from './note-unknown.ts';
import { readBack } from './read-back.ts';
import { retryOrFail } from './retry-or-fail.ts';
import { markedUncertain, type Held, type RotateDeps, type Step } from './rotate-deps.ts';
import { windowMs } from './timing.ts';

type NotPublished = Exclude<RotateOutcome, { outcome: 'done' }>;

/** Sends the POST of a claim, and publishes the key that it is answered with. */
export const send = async (deps: RotateDeps, held: Held): Promise<Step> => {
  const { pacer, clock } = deps;
  // Only the slot of a request that probes a closed budget never expires.
  const returnProbe = async () => {
    if (held.slotMs === Infinity) await pacer.unused();
  };
  const notSent = async (code: ErrorCode, reason: string): Promise<Step> => {
    await returnProbe();
    return retryOrFail(deps, held.claim, { outcome: 'not-done', code, retry: true, reason });
  };
  const sendBeforeMs = held.askedMs + deps.timing.sendWithinMs;
  if (!(await deps.confirmDurable()))
    return notSent('REPLICAS_MISSING', 'too few replicas confirmed the intent');
  // The slot came with the claim. If it has expired since, another one is taken if it comes in time: the lane
  // of bulk rotations reserves none.
  const leftMs = sendBeforeMs - clock.nowMs();
  if (
    leftMs > 0 &&
    !pacer.isTimely(held.slotMs) &&
    (await pacer.take('bulk', leftMs, { acceptLate: true })) > 0
  ) {
    return notSent('SENT_TOO_LATE', 'its slot had expired, and no other came in time');
  }
  const step = await withShare(deps.answers, (share) => post(deps, held, sendBeforeMs, share));
  if ('kind' in step) return step;
  if (step.code === 'SENT_TOO_LATE') await returnProbe();
  return step.outcome === 'not-done' ? retryOrFail(deps, held.claim, step) : resolveUnknown(deps, held, step);
};

const post = async (
  { invent, publisher, meter, clock, timing }: RotateDeps,
  { claim, anchor }: Held,
  sendBeforeMs: number,
  share: ByteShare | undefined,
): Promise<Step | NotPublished> => {
  const outcome: RotateOutcome = await invent.rotateSecretKey(claim, { sendBeforeMs, share });
  const answeredMs = clock.nowMs();
  meter.rotated(outcome.outcome);
  if (outcome.outcome !== 'done') return outcome;
  const finding = { record: outcome.record, secretKey: outcome.record.secretKey };
  // An earlier POST of this rotation may have been lost and may take effect later than the landing window
  // says: the assistant is read once more.
  const checkAgain = claim.doubted ? { checkAgainInMs: windowMs(timing) } : {};
  const result = await publisher.publish(claim, anchor, {
    finding,
    cause: 'rotation',
    rotation: 'ends',
    answeredMs,
    ...checkAgain,
    ...(outcome.noted && { noted: outcome.noted }),
  });
  // A 200 with an earlier key is the answer of a cache or a replica: it proves nothing about the POST.
  if (result.kind === 'old') return { outcome: 'unknown', reason: 'a 200 with an earlier key', status: 200 };
  // A refused 200 means that the key has changed: the assistant is read, and the ledger decides what is left
  // to do.
  return result.kind === 'refused' ? { kind: 'retry', inMs: 0 } : { kind: 'done' };
};

const resolveUnknown = async (
  deps: RotateDeps,
  held: Held,
  { reason, status, code: blocked }: { reason: string; status?: number; code?: ErrorCode },
): Promise<Step> => {
  const { timing, stopping, clock } = deps;
  const isOwner = await noteUnknown(deps, held, reason, {
    ...(status !== undefined && { status }),
    ...(blocked && { blocked }),
    holdMs: stopping.aborted ? 0 : timing.requestTimeoutMs + timing.leaseMarginMs,
  });
  if (!isOwner || stopping.aborted) return { kind: 'retry', inMs: 0 };
  const { claim, ...rest } = markedUncertain(held);
  return readBack(
    deps,
    { ...rest, claim: { ...claim, ...(blocked && { blocked }) } },
    windowMs(timing) - (clock.nowMs() - held.askedMs),
  );
};
