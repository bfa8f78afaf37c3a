import { setFlagsFromString } from 'node:v8';

const MIB = 1024 * 1024;
/** What a gateway without calls has in use, and what an open call adds. */
const IDLE_BYTES = 48 * MIB;
const CALL_BYTES = 8 * 1024;
/** How large the heap may become before V8 collects it, unless more than that is in use. */
const HEAP_BYTES = 180 * MIB;
/** In percent of what is in use. */
const GROWTH = { least: 10, most: 200 };
const STEP = 10;
const CHECK_EVERY_MS = 250;

/** By how much the heap may grow before V8 collects it, in percent of what is in use then. */
export const growthOf = (openCalls: number): number => {
  const inUse = IDLE_BYTES + openCalls * CALL_BYTES;
  const percent = Math.floor(((HEAP_BYTES - inUse) * 100) / inUse / STEP) * STEP;
  return Math.min(Math.max(percent, GROWTH.least), GROWTH.most);
};

/**
 * V8 counts what is sent and received, which lies outside the heap, towards the size at which it collects the
 * whole heap. A gateway has a small heap and sends pages of megabytes: with V8's own growth, it would collect
 * the heap every few pages of a snapshot, for more time than all else takes. With tens of thousands of open
 * calls the heap is large, and may grow by less: the garbage counts towards the memory of the gateway, too.
 * `--max-old-space-size` stays the limit.
 */
export const boundGarbage = (openCalls: () => number): void => {
  let before = 0;
  const adjust = (): void => {
    const growth = growthOf(openCalls());
    if (growth !== before) setFlagsFromString(`--heap-growing-percent=${growth}`);
    before = growth;
  };
  adjust();
  setInterval(adjust, CHECK_EVERY_MS).unref();
};
