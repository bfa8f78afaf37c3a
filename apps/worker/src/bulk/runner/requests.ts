import type { Claim } from '@rekey/ledger';
import { RekeyError } from '@rekey/schema';
import { backoffMs } from '../../shared/backoff.ts';
import { idsOf } from '../../shared/ids-of.ts';
import type { Pauses } from './pauses.ts';
import { bulkShareOf, errorBackoff, type BulkRunnerOptions, type ClaimedSlot } from './runner-options.ts';

/** The requests of bulk rotations that are in flight. */
export interface Requests {
  /** How many more requests for an org may leave now. */
  roomFor(orgId: string): number;
  send(claim: Claim, slot: ClaimedSlot): void;
  /** Resolves when all requests have ended. */
  settled(): Promise<void>;
}

/** `onEnd` is called with the org of each request that has ended. */
export const createRequests = (
  options: BulkRunnerOptions,
  pauses: Pauses,
  onEnd: (orgId: string) => void,
): Requests => {
  const { logger, concurrency, maxOpenIntents } = options;
  const bulkShare = bulkShareOf(maxOpenIntents);
  const inFlight = new Set<Promise<void>>();
  const inFlightOf = new Map<string, number>();
  const takeStep = createStepTaker(options, pauses);

  return {
    roomFor: (orgId) => Math.min(bulkShare - (inFlightOf.get(orgId) ?? 0), concurrency - inFlight.size),

    send: (claim, slot) => {
      const { orgId } = claim;
      inFlightOf.set(orgId, (inFlightOf.get(orgId) ?? 0) + 1);
      const sending = takeStep(claim, slot)
        // Housekeeping finds it: an open rotation without a job.
        .catch((err: unknown) => logger.event('rotation_requeue_failed', { err, ...idsOf(claim) }))
        .finally(() => {
          inFlight.delete(sending);
          const left = inFlightOf.get(orgId)! - 1;
          if (left > 0) inFlightOf.set(orgId, left);
          else inFlightOf.delete(orgId);
          onEnd(orgId);
        });
      inFlight.add(sending);
    },

    settled: async () => {
      await Promise.all(inFlight);
    },
  };
};

/** Takes the first step of a claim. Whatever is left to do goes to the queue that all workers take from. */
const createStepTaker = (
  { send, followUps, logger }: BulkRunnerOptions,
  pauses: Pauses,
): ((claim: Claim, slot: ClaimedSlot) => Promise<void>) => {
  /** Consecutive refusals, by org. */
  const refusals = new Map<string, number>();
  return async (claim, slot) => {
    const { rotationId, orgId, assistantId } = claim;
    let inMs = 0;
    try {
      const step = await send(claim, slot);
      if (step.kind === 'returned') {
        // Requests that were in flight together count once.
        const times = (refusals.get(orgId) ?? 0) + (pauses.isPaused(orgId) ? 0 : 1);
        refusals.set(orgId, times);
        return pauses.pause(orgId, Math.max(step.restMs, backoffMs(times, errorBackoff)));
      }
      refusals.delete(orgId);
      if (step.kind !== 'retry') return;
      inMs = step.inMs;
    } catch (err) {
      logger.event('rotation_step_failed', { err, ...idsOf(claim) });
      inMs = err instanceof RekeyError && err.code === 'LEDGER_CORRUPT' ? 0 : 1000;
    }
    await followUps.add({ rotationId, orgId, assistantId }, { delayMs: inMs });
  };
};
