import type { ErrorCode } from '@rekey/schema';
import { idsOf } from '../shared/ids-of.ts';
import type { Held, RotateDeps } from './rotate-deps.ts';

/** Records that the outcome of a POST is unknown. Returns false if another worker owns the claim by now. */
export const noteUnknown = async (
  { publisher, logger, timing, meter }: RotateDeps,
  { claim }: Held,
  reason: string,
  { holdMs, ...more }: { status?: number; blocked?: ErrorCode; holdMs?: number; senderGone?: boolean },
): Promise<boolean> => {
  const facts = { ...idsOf(claim), reason, status: more.status };
  if (more.blocked) logger.event('rotation_outcome_unknown_blocked', { ...facts, code: more.blocked });
  else logger.event('rotation_outcome_unknown', facts);
  meter.unknown();
  return publisher.noteUnknown(claim, {
    readInMs: 0,
    holdMs: holdMs ?? timing.requestTimeoutMs + timing.leaseMarginMs,
    ...more,
  });
};
