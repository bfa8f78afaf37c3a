/** Lets at most `width` of each kind pass at once, in the order in which they came. */
export interface Gate {
  /** Resolves with what lets the next one pass. */
  enter(kind: string): Promise<() => void>;
}

export const createGate = (width: number): Gate => {
  const inside = new Map<string, number>();
  const waiting = new Map<string, (() => void)[]>();

  const leave = (kind: string) => {
    const next = waiting.get(kind)?.shift();
    if (next) return next();
    waiting.delete(kind);
    const left = inside.get(kind)! - 1;
    if (left > 0) inside.set(kind, left);
    else inside.delete(kind);
  };

  return {
    enter: async (kind) => {
      const already = inside.get(kind) ?? 0;
      if (already < width) {
        inside.set(kind, already + 1);
      } else {
        const queue = waiting.get(kind) ?? [];
        waiting.set(kind, queue);
        await new Promise<void>((resolve) => queue.push(resolve));
      }
      let left = false;
      return () => {
        if (left) return;
        left = true;
        leave(kind);
      };
    },
  };
};
