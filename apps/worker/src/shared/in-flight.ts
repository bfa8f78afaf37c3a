/** Counts operations in flight. */
export interface InFlight {
  during<T>(work: Promise<T>): Promise<T>;
  count(): number;
}

export const createInFlight = (): InFlight => {
  let count = 0;
  return {
    during: async (work) => {
      count += 1;
      try {
        return await work;
      } finally {
        count -= 1;
      }
    },
    count: () => count,
  };
};
