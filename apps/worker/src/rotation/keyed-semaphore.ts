/** Limits how many callers of each key run at once. Callers enter in the order in which they came. */
interface KeyedSemaphore {
  /** Resolves with the function that releases the permit. Calling it twice is safe. */
  acquire(key: string): Promise<() => void>;
}

export const createKeyedSemaphore = (permits: number): KeyedSemaphore => {
  const held = new Map<string, number>();
  const waiting = new Map<string, (() => void)[]>();

  const release = (key: string) => {
    const next = waiting.get(key)?.shift();
    if (next) return next();
    waiting.delete(key);
    const left = held.get(key)! - 1;
    if (left > 0) held.set(key, left);
    else held.delete(key);
  };

  return {
    acquire: async (key) => {
      const current = held.get(key) ?? 0;
      if (current < permits) {
        held.set(key, current + 1);
      } else {
        const queue = waiting.get(key) ?? [];
        waiting.set(key, queue);
        await new Promise<void>((resolve) => queue.push(resolve));
      }
      let released = false;
      return () => {
        if (released) return;
        released = true;
        release(key);
      };
    },
  };
};
