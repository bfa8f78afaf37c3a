import { KEY_UNCERTAIN } from '@rekey/schema';
import type { Change, Evidence, Published, StatusSample } from './evidence.ts';

/** A time for which an assistant's published key was not the one in force, and not announced as uncertain. */
interface WrongSpan {
  assistantId: string;
  fromMs: number;
  toMs: number;
}

type Step = { atMs: number; truth: string | null } | { atMs: number; event: Published['event'] };

/** The truth and the events of one assistant, as they followed each other. */
const stepsOf = (changes: Change[], events: Published[], fingerprint: Evidence['fingerprint']): Step[] =>
  [
    ...changes.map(({ key, atMs }) => ({ atMs, truth: key === null ? null : fingerprint(key) })),
    ...events.map(({ event, atMs }) => ({ atMs, event })),
  ].toSorted((a, b) => a.atMs - b.atMs);

interface Known {
  print: string | null;
  version: number;
  isUncertain: boolean;
}

/** What a consumer knows after an event. */
const afterEvent = (known: Known | undefined, event: Published['event']): Known | undefined => {
  if (event.type !== KEY_UNCERTAIN)
    return { print: event.data.fingerprint, version: event.data.version, isUncertain: false };
  return known?.version === event.data.version ? { ...known, isUncertain: true } : known;
};

const spansOf = (assistantId: string, steps: Step[], endMs: number): WrongSpan[] => {
  const spans: WrongSpan[] = [];
  let truth: string | null | undefined;
  let known: Known | undefined;
  let sinceMs: number | undefined;
  for (const step of steps) {
    if ('truth' in step) ({ truth } = step);
    else known = afterEvent(known, step.event);
    const isWrong = known !== undefined && !known.isUncertain && known.print !== truth;
    if (isWrong) sinceMs ??= step.atMs;
    else if (sinceMs !== undefined) {
      spans.push({ assistantId, fromMs: sinceMs, toMs: step.atMs });
      sinceMs = undefined;
    }
  }
  if (sinceMs !== undefined) spans.push({ assistantId, fromMs: sinceMs, toMs: Math.max(endMs, sinceMs) });
  return spans;
};

/** The spans of all assistants. One that is never corrected lasts until the last sample of status. */
export const findWrongSpans = (
  history: Record<string, Change[]>,
  { published, fingerprint, statusSamples = [] }: Evidence,
): WrongSpan[] => {
  const endMs = statusSamples.at(-1)?.atMs ?? Number.POSITIVE_INFINITY;
  const eventsOf = Map.groupBy(published, ({ event }) => event.subject);
  return [...eventsOf].flatMap(([assistantId, events]) => {
    const changes = history[assistantId];
    return changes ? spansOf(assistantId, stepsOf(changes, events, fingerprint), endMs) : [];
  });
};

const byLength = (a: WrongSpan, b: WrongSpan): number => a.toMs - a.fromMs - (b.toMs - b.fromMs);

/** The longest span that ended. */
export const longestOf = (spans: WrongSpan[]): WrongSpan | undefined =>
  spans.filter(({ fromMs, toMs }) => Number.isFinite(toMs - fromMs)).toSorted((a, b) => byLength(b, a))[0];

/** The moments at which status named nothing, and had named nothing for `clearForMs`. */
const clearMoments = (samples: StatusSample[], clearForMs: number): StatusSample[] => {
  let namedMs = Number.NEGATIVE_INFINITY;
  return samples.filter(({ atMs, needsOperator }) => {
    if (needsOperator) namedMs = atMs;
    return atMs > namedMs + clearForMs;
  });
};

/** The assistants that were wrong for too long at a moment at which status named nothing. */
export const silentlyWrong = (
  spans: WrongSpan[],
  { statusSamples = [], wrongForMs = Number.POSITIVE_INFINITY, clearForMs = 0 }: Evidence,
): string[] => {
  const clear = clearMoments(statusSamples, clearForMs);
  const wrong = spans.filter(
    ({ fromMs, toMs }) =>
      toMs - fromMs > wrongForMs && clear.some(({ atMs }) => atMs > fromMs + wrongForMs && atMs <= toMs),
  );
  const longest = new Map(wrong.toSorted(byLength).map((span) => [span.assistantId, span]));
  return [...longest.values()].map(describeSpan);
};

export const describeSpan = ({ assistantId, fromMs, toMs }: WrongSpan): string =>
  `${assistantId}: from ${Math.round(fromMs)} to ${Math.round(toMs)}`;
