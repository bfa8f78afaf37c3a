/** How often the API was called, for tests. */
export interface Counts {
  rotate: number;
  get: number;
  list: number;
  /** Answered with 429. */
  limited: number;
  /** Answered with 401 or 403. */
  refused: number;
  /**
   * Rotate requests that arrived while another one for the same assistant was in progress, or had not yet
   * taken effect (commitLate).
   */
  concurrentRotates: number;
}

export const noCounts = (): Counts => ({
  rotate: 0,
  get: 0,
  list: 0,
  limited: 0,
  refused: 0,
  concurrentRotates: 0,
});
