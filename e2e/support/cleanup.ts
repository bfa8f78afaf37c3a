import { afterEach } from '@jest/globals';

type Stop = () => Promise<unknown>;

/** Returns a function that collects what a case must stop. After each case they run, the last one first. */
export const useCleanup = (): ((...stops: Stop[]) => void) => {
  const all: Stop[] = [];
  afterEach(async () => {
    for (const stop of all.splice(0).toReversed()) await stop();
  });
  return (...stops) => void all.push(...stops);
};
