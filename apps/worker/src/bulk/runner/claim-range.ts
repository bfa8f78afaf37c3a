import { nextUlid } from '@rekey/runtime';
import { RekeyError } from '@rekey/schema';
import { ASK_AGAIN_WITHIN_MS } from '../../shared/pacer.ts';
import type { RunnerParts } from './draw.ts';
import type { DrawnRange } from './ranges.ts';
import type { Requests } from './requests.ts';
import { CLAIM_SIZE, WAIT_FOR_ROOM_MS, type BulkRunnerOptions } from './runner-options.ts';

const WAIT_WHEN_UNREADABLE_MS = 1000;

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
  const result = await work
    .claim(range, items, {
      leaseMs: options.claimLeaseMs,
      landingWindowMs: options.landingWindowMs,
      maxOpenIntents: options.maxOpenIntents,
      maxIntentsInAll: options.maxIntentsInAll,
      holdBack: options.holdBack(),
    })
    .catch((err: unknown) => {
      if (!(err instanceof RekeyError && err.code === 'LEDGER_CORRUPT')) throw err;
      options.logger.event('bulk_runner_failed', { err, bulk_id: range.bulkId });
      return { kind: 'unreadable' } as const;
    });
  switch (result.kind) {
    case 'unreadable':
      // Other bulk rotations go on. It is drawn again once it is mended.
      pauses.pause(range.bulkId, WAIT_WHEN_UNREADABLE_MS);
      return ranges.drop(drawn);
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
