import type { NotDone } from '@rekey/invent';
import type { Claim } from '@rekey/ledger';
import { backoffMs } from '../shared/backoff.ts';
import { idsOf } from '../shared/ids-of.ts';
import { needsOperator } from '../shared/needs-operator.ts';
import type { RotateDeps, Step } from './rotate-deps.ts';

const retryBackoff = { firstMs: 1000, maxMs: 60_000 };

/** Decides what becomes of a rotation whose POST was certainly not done. */
export const retryOrFail = async (
  { ledger, logger, timing }: RotateDeps,
  claim: Claim,
  notDone: NotDone,
): Promise<Step> => {
  const why = { code: notDone.code, ...(notDone.status !== undefined && { status: notDone.status }) };
  const facts = { ...idsOf(claim), ...why, reason: notDone.reason };
  if (
    claim.bulkId !== undefined &&
    claim.attempts === 1 &&
    (notDone.retry || needsOperator.has(notDone.code))
  ) {
    logger.event('bulk_assistant_returned', facts);
    await ledger.rotations.returnToBulk(claim, notDone.code, {
      halts: !notDone.retry,
      retryForMs: timing.retryForMs,
    });
    return { kind: 'returned', restMs: notDone.retryAfterMs ?? 0 };
  }
  const limited = notDone.code === 'UPSTREAM_RATE_LIMITED';
  const givenUp = !limited && claim.atMs - claim.startedMs > timing.retryForMs;
  if (!notDone.retry || givenUp) {
    logger.event('rotation_failed', facts, 'rotation failed; the key is unchanged');
    // A 400 or 404 about one assistant may be a proxy's second try after a first that was done, so that the
    // assistant is checked. A refusal of the API key cannot be that.
    await ledger.rotations.fail(claim, why, notDone.status === 400 || notDone.status === 404);
    return { kind: 'done' };
  }
  logger.event('rotation_retrying', facts);
  await ledger.rotations.release(claim, why);
  const backoff = backoffMs(claim.attempts, retryBackoff);
  return {
    kind: 'retry',
    inMs: notDone.retryAfterMs === undefined ? backoff : Math.max(notDone.retryAfterMs, backoff),
  };
};
