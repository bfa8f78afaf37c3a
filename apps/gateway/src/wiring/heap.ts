import { setFlagsFromString } from 'node:v8';

/**
 * V8 counts what is sent and received, which lies outside the heap, towards the size at which it collects the
 * whole heap. A gateway has a small heap and sends pages of megabytes: without this, it would collect the
 * heap every few pages of a snapshot, for more time than all else takes. `--max-old-space-size` stays the
 * limit.
 */
export const collectLessOften = (): void => setFlagsFromString('--heap-growing-percent=200');
