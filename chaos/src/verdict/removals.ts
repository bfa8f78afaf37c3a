import { KEY_REMOVED } from '@rekey/schema';
import type { Change, Evidence } from './evidence.ts';
import { CLOCK_TOLERANCE_MS } from './key-ages.ts';

const wasGone = (changes: Change[], fromMs: number, toMs: number): boolean =>
  changes.some(
    ({ key, atMs }, i) =>
      key === null && atMs <= toMs && (changes[i + 1]?.atMs ?? Number.POSITIVE_INFINITY) >= fromMs,
  );

/** The published removals of assistants that had a key all the time around the event. */
export const removedAlive = (
  history: Record<string, Change[]>,
  { published, removedWithinMs = 0 }: Evidence,
): string[] =>
  published.flatMap(({ event, atMs }) => {
    const changes = history[event.subject];
    const isWrong =
      event.type === KEY_REMOVED &&
      changes !== undefined &&
      !wasGone(changes, atMs - removedWithinMs, atMs + CLOCK_TOLERANCE_MS);
    return isWrong ? [`${event.subject} at ${atMs}: ${event.data.removal}`] : [];
  });
