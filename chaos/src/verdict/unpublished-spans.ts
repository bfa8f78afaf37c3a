import type { Change } from './evidence.ts';
import type { Replay } from './replay.ts';

/** A time for which consumers could not open the key in force, after a change that Rekey asked for. */
interface UnpublishedSpan {
  assistantId: string;
  /** Whether the POST was answered as if it had been refused. */
  denied: boolean;
  fromMs: number;
  /** Infinite if that key, or a newer one, was never published. */
  toMs: number;
}

/** A key that upstream itself takes back is no longer in force: its span ends there. */
export const findUnpublishedSpans = (
  history: Record<string, Change[]>,
  deliveries: Replay['deliveries'],
): UnpublishedSpan[] =>
  Object.entries(history).flatMap(([assistantId, changes]) =>
    changes.flatMap(({ by, atMs }, age) => {
      if (by !== 'request' && by !== 'denied') return [];
      const delivery = deliveries.get(assistantId)?.find((event) => event.age >= age);
      const deliveredMs = delivery ? Math.max(delivery.atMs, atMs) : Number.POSITIVE_INFINITY;
      const takenBackMs =
        changes.slice(age + 1).find((later) => later.by === 'restored')?.atMs ?? Number.POSITIVE_INFINITY;
      const toMs = Math.min(deliveredMs, takenBackMs);
      return [{ assistantId, denied: by === 'denied', fromMs: atMs, toMs }];
    }),
  );

/** The highest number of assistants that had such a span at the same moment. */
const mostAtOnce = (spans: UnpublishedSpan[]): number => {
  // A span that begins and ends in the same millisecond was open at no moment.
  const edges = spans
    .filter(({ fromMs, toMs }) => toMs > fromMs)
    .flatMap(({ assistantId, fromMs, toMs }) => [
      { atMs: fromMs, by: 1, assistantId },
      { atMs: toMs, by: -1, assistantId },
    ]);
  const open = new Map<string, number>();
  let most = 0;
  for (const { by, assistantId } of edges.toSorted((a, b) => a.atMs - b.atMs || a.by - b.by)) {
    const count = (open.get(assistantId) ?? 0) + by;
    if (count > 0) open.set(assistantId, count);
    else open.delete(assistantId);
    most = Math.max(most, open.size);
  }
  return most;
};

/** The most unpublished keys of each org at once, without those that no client could know of. */
export const mostUnpublishedByOrg = (
  spans: UnpublishedSpan[],
  orgOf: (assistantId: string) => string,
): Record<string, number> => {
  const byOrg = Map.groupBy(
    spans.filter(({ denied }) => !denied),
    ({ assistantId }) => orgOf(assistantId),
  );
  return Object.fromEntries([...byOrg].map(([org, own]) => [org, mostAtOnce(own)]));
};

const percentile = (sorted: number[], share: number): number =>
  sorted[Math.min(Math.ceil(sorted.length * share) - 1, sorted.length - 1)] ?? 0;

/** How long the spans that ended lasted. */
export const darkTimeOf = (spans: UnpublishedSpan[]): { p50: number; p99: number; max: number } => {
  const lengths = spans
    .map(({ fromMs, toMs }) => toMs - fromMs)
    .filter(Number.isFinite)
    .toSorted((a, b) => a - b);
  return {
    p50: Math.round(percentile(lengths, 0.5)),
    p99: Math.round(percentile(lengths, 0.99)),
    max: Math.round(lengths.at(-1) ?? 0),
  };
};
