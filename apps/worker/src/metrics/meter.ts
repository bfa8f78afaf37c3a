import type { Cause } from '@rekey/schema';

export interface ConsumerProgress {
  consumer: string;
  /** Undefined if none of its instances is live. */
  lag: { events: number; ms: number } | undefined;
  /** The events that the live instances could not apply. */
  unapplied: number;
  /** The events that they have refused since they started. */
  refused: number;
}

/** Counts what the parts of the worker do. */
export interface Meter {
  /** A rotate request has ended. */
  rotated(outcome: 'done' | 'not-done' | 'unknown'): void;
  /** The outcome of a rotation is unknown, whichever worker sent the request. */
  unknown(): void;
  /** An assistant was requested. */
  read(outcome: 'read' | 'not-read'): void;
  published(cause: Cause, removed: boolean): void;
  staleRead(): void;
  /** Upstream refused a request as too frequent (429). */
  limited(): void;
  /** Published records were found in another place than their own. */
  misplaced(count: number): void;
  swept(word: string, count: number): void;
  /** A live consumer has acknowledged a key, this long after upstream's answer. */
  propagated(consumer: string, ms: number): void;
  /** All consumers as they are now: a consumer that is left out has been removed. */
  consumers(all: readonly ConsumerProgress[]): void;
}
