import type { Cause } from '@rekey/schema';

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
  swept(word: string, count: number): void;
  /** A live consumer has acknowledged a key, this long after upstream's answer. */
  propagated(consumer: string, ms: number): void;
  /**
   * The lag of a consumer; undefined if none of its instances is live. `unapplied` and `refused` count the
   * events that the live instances could not apply, and those that they have refused since they started.
   */
  lag(
    consumer: string,
    lag: { events: number; ms: number } | undefined,
    counts: { unapplied: number; refused: number },
  ): void;
}
