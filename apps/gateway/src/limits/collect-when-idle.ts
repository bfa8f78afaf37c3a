import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Half of what fills the young generation of a gateway (8 MB), and what fifty calls allocate. */
const AFTER_BYTES = 4 * 1024 * 1024;

/** The part of the heap where everything begins, and most of it ends. */
interface YoungGeneration {
  /** What the whole heap holds, garbage included. */
  heapBytes(): number;
  collect(): void;
}

type Collect = (options: { type: 'minor'; execution: 'sync' }) => void;

/** V8 has no other way to ask for a collection of the young generation alone. */
export const youngGeneration = (): YoungGeneration => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as Collect;
  setFlagsFromString('--no-expose-gc');
  return {
    heapBytes: () => getHeapStatistics().used_heap_size,
    collect: () => collect({ type: 'minor', execution: 'sync' }),
  };
};

/**
 * Collects garbage while no call waits for it: V8 itself does when the young generation is full, which is in
 * the midst of a call. Then nothing but garbage is young, too, so that the collection is short.
 */
export const collectWhenIdle = (
  { heapBytes, collect }: YoungGeneration,
  afterBytes = AFTER_BYTES,
): (() => void) => {
  let leastBytes = heapBytes();
  return () => {
    const bytes = heapBytes();
    // Less than before: V8 has collected.
    leastBytes = Math.min(leastBytes, bytes);
    if (bytes - leastBytes < afterBytes) return;
    collect();
    leastBytes = heapBytes();
  };
};
