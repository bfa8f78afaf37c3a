import type { ClaimResult } from '@rekey/ledger';
import type { RotationJob } from '@rekey/schema';
import type { RotateDeps } from './rotate-deps.ts';
import { leaseMs, windowMs } from './timing.ts';

const WAIT_FOR_ROOM_MS = 2000;

/**
 * Claims a rotation. If the org has reached its limit of open intents, the claim waits a little for one to
 * close: that is faster than delaying the job.
 */
export const claimWhenThereIsRoom = async (
  deps: RotateDeps,
  job: RotationJob,
): Promise<{ claimed: ClaimResult; askedMs: number; slotMs: number }> => {
  const { ledger, clock, pacer, timing, maxOpenIntents, maxIntentsInAll, holdBack, stopping } = deps;
  const options = {
    leaseMs: leaseMs(timing),
    landingWindowMs: windowMs(timing),
    maxOpenIntents,
    maxIntentsInAll,
  };
  const giveUpMs = clock.nowMs() + WAIT_FOR_ROOM_MS;
  const slot = pacer.newSlot();
  for (;;) {
    const askedMs = clock.nowMs();
    const claimed = await ledger.rotations.claim(job, {
      ...options,
      holdBack: holdBack(),
      slotGranted: slot.granted,
    });
    // The next request to probe a closed budget leaves in a minute: however late, this one goes.
    const probes = claimed.kind === 'claimed' && claimed.probes;
    const result = { claimed, askedMs, slotMs: probes ? Infinity : slot.atMs(askedMs) };
    if (stopping.aborted || (claimed.kind !== 'full' && claimed.kind !== 'paced')) return result;
    const reserved = claimed.kind === 'paced' && claimed.reserved;
    if (!reserved && askedMs + claimed.retryInMs > giveUpMs) return result;
    await slot.wait(askedMs, {
      retryInMs: claimed.kind === 'full' ? claimed.retryInMs * (0.5 + Math.random()) : claimed.retryInMs,
      reserved,
    });
  }
};
