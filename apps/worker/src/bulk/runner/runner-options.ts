import type { BulkWork, Claim, RotationQueue } from '@rekey/ledger';
import type { Logger } from '@rekey/runtime';
import type { ErrorCode } from '@rekey/schema';
import type { Step } from '../../rotation/rotate-deps.ts';
import type { Clock } from '../../shared/clock.ts';

/** When the claim was requested, and whether its request probes a closed budget. */
export interface ClaimedSlot {
  askedMs: number;
  probes: boolean;
}

export interface BulkRunnerOptions {
  work: BulkWork;
  /** Prepares or verifies a bulk rotation. Rejects with BulkLost if another worker owns it by now. */
  doTask: (kind: 'prepare' | 'verify', bulkId: string, token: string) => Promise<void>;
  /** Sends the POST of a claim, and takes the rotation as far as it goes. */
  send: (claim: Claim, slot: ClaimedSlot) => Promise<Step>;
  /** Gets the rotations with an unknown outcome. */
  followUps: RotationQueue;
  clock: Clock;
  logger: Logger;
  /** The maximum number of requests in flight. */
  concurrency: number;
  /** How many POSTs of an org may be in flight or have an unknown outcome at the same time. */
  maxOpenIntents: number;
  /** The same for all orgs together. */
  maxIntentsInAll: number;
  claimLeaseMs: number;
  landingWindowMs: number;
  /** A range that a dead worker had drawn is drawn by another one after this time. */
  takeoverAfterMs: number;
  holdBack: () => ErrorCode | undefined;
  /** Aborts when the process stops. */
  stopping: AbortSignal;
}

/** When the runner acts next, by this process's clock. */
export interface RunnerSchedule {
  drawAgainMs: number;
  /** Until then the request budget grants no claim. */
  pacedUntilMs: number;
}

/**
 * How many open intents of an org bulk rotations may have: the ledger reserves a tenth for single rotations.
 */
export const bulkShareOf = (maxOpenIntents: number): number =>
  maxOpenIntents - Math.floor(maxOpenIntents / 10);

/** How many assistants one command claims. */
export const CLAIM_SIZE = 16;
export const WAIT_FOR_ROOM_MS = 5;
export const errorBackoff = { firstMs: 500, maxMs: 30_000 };
