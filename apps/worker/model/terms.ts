import type { InventClient } from '@rekey/invent';
import type { Ledger } from '@rekey/ledger';
import type { RotationJob } from '@rekey/schema';
import type { Sealer } from '@rekey/sealing';
import type { Redis } from 'ioredis';
import { leaseMs, windowMs, type RotateTiming } from '../src/rotation/timing.ts';
import type { Clock } from '../src/shared/clock.ts';
import type { Post } from './upstream.ts';

/** In simulated ms: as small as the durations can be while they differ. */
export const timing: RotateTiming = {
  sendWithinMs: 10,
  requestTimeoutMs: 20,
  leaseMarginMs: 10,
  landingWindowMs: 60,
  readLagMs: 5,
  confirmAfterMs: 0,
  retryForMs: 1e9,
};
export const LEASE_MS = leaseMs(timing);
export const WINDOW_MS = windowMs(timing);
/**
 * For how long reads have to agree that an assistant is deleted. A period of wrong 404 answers is shorter.
 */
export const CONFIRM_AFTER_MS = 40;
export const START_MS = 1_800_000_000_000;

export const ORG = 'org';
/** An alias of the org. */
export const ALIAS = 'c';
export const ASSISTANTS = ['a', 'b'];

export interface WorldOptions {
  redis: Redis;
  ledger: Ledger;
  sealer: Sealer;
  /**
   * Manual rotations happen, and sweeps look for them. Without either, rotations alone keep what is published
   * correct.
   */
  byHand: boolean;
  /** Faults happen. */
  faults: boolean;
  /**
   * Invent is odd: a backup is restored, a POST is answered with an earlier record, all reads are answered
   * with 404 for a while.
   */
  odd?: boolean;
  /**
   * The API key is of another org for a while, longer than reads have to agree: they find none of the
   * assistants.
   */
  swapped?: boolean;
  /** A planted bug: the client sends a POST however old it is. */
  sendsTooLate?: boolean;
}

/** One thing that may happen next. */
export interface Action {
  text: string;
  /** Distinguishes it from others, if the text does not. */
  key?: string;
  weight: number;
  /** A fault, or an intervention from outside. */
  fault?: boolean;
  run(): unknown;
}

/**
 * A step that a process waits for. Its outcomes are the possible actions; the first one is without a fault.
 */
export interface Operation {
  process: Process;
  /** Not before this simulated time. */
  dueMs: number;
  /** Its moment makes no difference, so that it takes no choice. */
  inPassing?: boolean;
  /** Of a POST that has left. */
  post?: Post;
  outcomes(): Action[];
}

export interface Process {
  name: string;
  slot: string;
  /** Stopped with SIGSTOP. */
  paused: boolean;
  /** What it is busy with. */
  task?: string;
  clock: Clock;
  ledger: Ledger;
  invent: InventClient;
}

export interface AcceptedRotation extends RotationJob {
  /** The highest number on the stream when it was accepted. */
  seqBefore: number;
  /** When it was accepted. A later request that returns it counts as one more rotation with the same id. */
  acceptedMs: number;
  posts: number;
  dueMs: number;
}

/** What the protocol promises, whatever the history. */
export const promises = {
  onePost: 'no two POSTs for one assistant are in flight, or may still land, at the same time',
  rising: 'versions of an assistant rise in the order of the stream, and seq is dense',
  inForce: 'the last published key is the key in force upstream',
  ended: 'every rotation ends, and one that SUCCEEDED names a key that was made for it',
  newer: 'no key is published over a newer one',
  certain: 'after an uncertainty notice consumers get a higher version',
  frugal: 'without a fault, a rotation costs one POST and no reads',
  sound: 'an entry that can be read is never quarantined',
  rest: 'everything comes to rest',
  braked: 'an org does not lose all of its assistants because of reads',
  lives: 'an assistant that exists is not published as deleted',
} as const;

/** A promise that the protocol broke, and the steps that led to it. */
export class BrokenPromise extends Error {
  readonly promise: string;
  readonly steps: string[];
  constructor(promise: string, detail: string, steps: string[]) {
    super(`${promise}: ${detail}\n${steps.join('\n')}`);
    this.name = 'BrokenPromise';
    this.promise = promise;
    this.steps = steps;
  }
}

/** An action without a fault. */
export const well = (text: string, run: Action['run']): Action => ({ text, weight: 8, run });
/** An action with a fault. */
export const badly = (weight: number, text: string, run: Action['run']): Action => ({
  text,
  weight,
  fault: true,
  run,
});
