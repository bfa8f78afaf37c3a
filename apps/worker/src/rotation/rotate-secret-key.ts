import type { Claim } from '@rekey/ledger';
import type { RotationJob } from '@rekey/schema';
import { createKeyedSemaphore } from './keyed-semaphore.ts';
import { ASK_AGAIN_WITHIN_MS } from '../shared/pacer.ts';
import { claimWhenThereIsRoom } from './claim.ts';
import { noteUnknown } from './note-unknown.ts';
import { readBack } from './read-back.ts';
import { markedUncertain, type Held, type RotateDeps, type Step } from './rotate-deps.ts';
import { send } from './send.ts';

/** Whether a job is delivered for the first time, or may have been processed before. */
export type Delivery = 'first' | 'redelivery';

/**
 * Takes one rotation one step further: claim, POST, classify the outcome, commit. The state of the rotation
 * is in the ledger alone, so that any delivery of the job, to any worker, at any time, does what is left to
 * do. Rejects only for errors that a later retry may overcome.
 */
export const rotateSecretKey = (
  deps: RotateDeps,
): ((job: RotationJob, delivery: Delivery) => Promise<Step>) => {
  // Rotations for which the ledger would have no room wait here, where waiting costs nothing.
  const room = createKeyedSemaphore(deps.maxOpenIntents);
  return async (job, delivery) => {
    // A redelivered rotation may have to be read back: that needs no room and must not wait.
    if (delivery === 'redelivery') return takeStep(deps, job);
    const release = await room.acquire(job.orgId);
    try {
      return deps.stopping.aborted ? { kind: 'retry', inMs: 0 } : await takeStep(deps, job);
    } finally {
      release();
    }
  };
};

/**
 * Sends the POST of a claim that was just made, requested at `askedMs` by this process's clock. `probes`: the
 * budget is closed, and this request finds out whether it still is.
 */
export const sendClaimed =
  (deps: RotateDeps) =>
  (claim: Claim, { askedMs, probes }: { askedMs: number; probes: boolean }): Promise<Step> =>
    send(deps, {
      claim,
      askedMs,
      slotMs: probes ? Infinity : askedMs,
      anchor: { redisMs: claim.atMs, clockMs: deps.clock.nowMs() },
    });

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
      return { kind: 'missing' };
    case 'ended':
      return { kind: 'done' };
    case 'busy':
    case 'full':
    case 'halted':
    case 'frozen':
    case 'paced':
      // With jitter, so that queued rotations do not all come back at once.
      return {
        kind: 'retry',
        inMs: Math.round(Math.min(claimed.retryInMs, ASK_AGAIN_WITHIN_MS) * (1 + Math.random() / 4)),
        frozen: claimed.kind === 'frozen',
      };
    case 'claimed':
      return send(deps, held(claimed.claim));
    case 'resumed': {
      const resumed = held(claimed.claim);
      if (claimed.noted) return readBack(deps, resumed, claimed.landsInMs, claimed.satisfied);
      // The worker before this one died between its intent and its outcome.
      await noteUnknown(deps, resumed, 'the worker that sent it is gone', { senderGone: true });
      return readBack(deps, markedUncertain(resumed), claimed.landsInMs, claimed.satisfied);
    }
  }
};
