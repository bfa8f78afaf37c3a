interface BulkPolls {
  /** Reads the rotation in each round, from the next on. */
  add(id: string): void;
  remove(id: string): void;
}

/**
 * Polls the rotations of bulk rotations that callers wait for, whose end is not published: each is read once
 * a round, however many callers wait for it, and a round reads a bounded number. If callers wait for more,
 * they take turns.
 */
export const createBulkPolls = ({
  poll,
  everyMs,
  perRound,
}: {
  /** Must not reject. */
  poll: (id: string) => Promise<void>;
  everyMs: number;
  perRound: number;
}): BulkPolls => {
  /** Those that were read last are at the end. */
  const ids = new Set<string>();
  let round: NodeJS.Timeout | undefined;

  const next = (inMs: number): void => {
    // A timer cuts fractions off: rounds would follow each other sooner than they should.
    round ??= setTimeout(() => void runRound(), Math.max(Math.ceil(inMs), 0));
  };

  const runRound = async (): Promise<void> => {
    const beganMs = performance.now();
    const due = [...ids].slice(0, perRound);
    for (const id of due) {
      ids.delete(id);
      ids.add(id);
    }
    await Promise.all(due.map(poll));
    round = undefined;
    if (ids.size > 0) next(everyMs - (performance.now() - beganMs));
  };

  return {
    add: (id) => {
      ids.add(id);
      next(everyMs);
    },
    remove: (id) => {
      ids.delete(id);
    },
  };
};
