const UNITS: readonly (readonly [name: string, ms: number])[] = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1000],
];
/** The clocks of two machines differ by about this much. */
const NOW_MS = 2000;

/** How long ago, or until, a time is: `3 min ago`, `in 2 d`. Two days are shown as hours, and so on. */
export const relativeTime = (time: Date, nowMs: number = Date.now()): string => {
  const ms = time.getTime() - nowMs;
  const distance = Math.abs(ms);
  if (distance < NOW_MS) return 'now';
  const [name, unitMs] = UNITS.find(([, unit]) => distance >= 2 * unit)!;
  const length = `${Math.floor(distance / unitMs).toLocaleString('en-US')} ${name}`;
  return ms < 0 ? `${length} ago` : `in ${length}`;
};
