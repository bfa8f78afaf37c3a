import type { Meter } from './meter.ts';

const silent = () => {};

/** For specs: counts nothing. */
export const silentMeter: Meter = {
  rotated: silent,
  unknown: silent,
  read: silent,
  published: silent,
  staleRead: silent,
  limited: silent,
  misplaced: silent,
  swept: silent,
  propagated: silent,
  consumers: silent,
};
