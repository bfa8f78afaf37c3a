import { nextUlid } from '@rekey/runtime';
import { ASK_AGAIN_WITHIN_MS } from '../../shared/pacer.ts';
import type { RunnerParts } from './draw.ts';
import type { DrawnRange } from './ranges.ts';
import type { Requests } from './requests.ts';
import { CLAIM_SIZE, WAIT_FOR_ROOM_MS, type BulkRunnerOptions } from './runner-options.ts';

/** Claims the next assistants of a range, and sends their requests. */
export const claimRange = async (
  options: BulkRunnerOptions,
  { schedule, pauses, ranges }: Pick<RunnerParts, 'schedule' | 'pauses' | 'ranges'>,
  requests: Requests,
  drawn: DrawnRange,
): Promise<void> => {
  const { work, clock } = options;
  const { range } = drawn;
  const items = range.waiting
    .slice(0, Math.min(requests.roomFor(range.orgId), CLAIM_SIZE))
    .map(({ index, assistantId }) => ({
      index,
      job: { rotationId: `rot_${nextUlid()}`, orgId: range.orgId, assistantId },
    }));
  const askedMs = clock.nowMs();
  const result = await work.claim(range, items, {
    leaseMs: options.claimLeaseMs,
    landingWindowMs: options.landingWindowMs,
    maxOpenIntents: options.maxOpenIntents,
    maxIntentsInAll: options.maxIntentsInAll,
    holdBack: options.holdBack(),
  });
  switch (result.kind) {
    case 'stopped':
      return ranges.drop(drawn);
    case 'full':
      return pauses.pause(range.orgId, result.retryInMs * (0.5 + Math.random()));
    case 'frozen':
      pauses.pause(range.bulkId, result.retryInMs);
      return ranges.drop(drawn);
    case 'claimed': {
      for (const item of result.items) {
        if (item.kind === 'claimed') requests.send(item.claim, { askedMs, probes: item.probes === true });
        if (item.kind !== 'busy') drawn.progressed = true;
      }
      range.waiting.splice(0, result.items.length);
      if (result.retryInMs !== undefined)
        schedule.pacedUntilMs = clock.nowMs() + Math.min(result.retryInMs, ASK_AGAIN_WITHIN_MS);
      // There was no room for a single claim: requests in flight elsewhere have it.
      else if (result.items.length === 0) pauses.pause(range.orgId, WAIT_FOR_ROOM_MS);
    }
  }
};
