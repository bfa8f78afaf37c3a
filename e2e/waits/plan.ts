/** What one process of callers does. */
export interface CallerPlan {
  address: string;
  /** One waiter for each; the first `sdk` use @rekey/client. */
  rotationIds: string[];
  sdk: number;
  bulkIds: string[];
  watchers: number;
  connections: number;
  /** Where it writes what the waiters have learned. */
  results: string;
}

/** What the callers of a process do at a moment. */
export interface CallersState {
  /** Waits that are open, and those that were refused and wait to come back. */
  open: number;
  resting: number;
  ended: number;
  watching: number;
  /** Messages of watches. */
  messages: number;
  failures: Record<string, number>;
}

/**
 * The rotation, the number of its state, when that was learned in ms since 1970, and how often the waiter was
 * refused before: -1 if @rekey/client has waited.
 */
export type Learned = [id: string, state: number, atMs: number, refusals: number];
