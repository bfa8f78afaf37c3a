/** Counts what is under way. */
export interface Tally {
  during<T>(work: Promise<T>): Promise<T>;
  count(): number;
}

export const createTally = (): Tally => {
  let underWay = 0;
  return {
    during: async (work) => {
      underWay += 1;
      try {
        return await work;
      } finally {
        underWay -= 1;
      }
    },
    count: () => underWay,
  };
};
