import type { ErrorCode } from '@rekey/schema';
import { backoffMs } from '../shared/backoff.ts';
import { idsOf } from '../shared/ids-of.ts';
import { isLasting } from '../shared/needs-operator.ts';
import type { Held, RotateDeps, Step } from './rotate-deps.ts';
import { windowMs } from './timing.ts';

/**
 * Pauses between reads quadruple: a POST that lands late usually lands soon, and every read costs a request.
 */
const readBackoff = { firstMs: 500, maxMs: 30_000 };
export const LONGEST_READ_PAUSE_MS = readBackoff.maxMs;
/** An outcome that is still unknown this long after the landing window needs an operator. */
const ALARM_AFTER_MS = 600_000;

/**
 * Leaves the outcome unknown. The assistant is read again after a pause that grows, and once the landing
 * window has passed.
 */
export const readAgain = async (
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
    deps.logger.event('key_read_blocked', {
      ...idsOf(claim),
      code: readError,
      since_ms: Math.round(sinceMs),
    });
  await deps.publisher.noteUnknown(claim, {
    readInMs,
    holdMs: 0,
    ...(readError !== undefined && { readError }),
    operatorNeeded,
  });
  return { kind: 'retry', inMs: Math.ceil(readInMs) };
};

/** An estimate of the reads made so far: pauses quadruple, so that their number follows from the time. */
const readsSoFar = (sinceMs: number): number =>
  1 + Math.floor(Math.log2(1 + (3 * Math.max(sinceMs, 0)) / readBackoff.firstMs) / 2);
