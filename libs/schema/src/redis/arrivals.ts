/** Wakes callers that wait for the next entries of a stream. */
interface Arrivals {
  /** Entries have arrived, or none will. */
  arrived(): void;
  /** Resolves at the next arrival, or after a time. */
  within(ms: number): Promise<void>;
}

export const createArrivals = (): Arrivals => {
  const listeners = new Set<() => void>();
  return {
    arrived: () => {
      for (const listener of listeners) listener();
    },
    within: (ms) =>
      new Promise((resolve) => {
        const done = (): void => {
          clearTimeout(timer);
          listeners.delete(done);
          resolve();
        };
        const timer = setTimeout(done, ms);
        listeners.add(done);
      }),
  };
};
