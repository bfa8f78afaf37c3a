import type { HeldKeys } from '../records/held-keys.ts';
import type { Reading } from '../records/read-event.ts';
import type { SnapshotSchedule } from './snapshot-schedule.ts';
import { NOWHERE, type Place } from './state.ts';

/** The field `event` of a stream entry. */
export const textOf = (fields: readonly string[]): string | null => {
  const at = fields.indexOf('event');
  return at % 2 === 0 ? (fields[at + 1] ?? null) : null;
};

export const sizeOf = (
  entries: readonly [string, readonly string[]][],
): { count: number; chars: number } => ({
  count: entries.length,
  chars: entries.reduce((sum, [, fields]) => sum + (textOf(fields)?.length ?? 0), 0),
});

/**
 * The facts of XINFO STREAM; undefined if there is no stream. XTRIM does not update `max-deleted-entry-id`,
 * so missing entries only show in the id of the last entry.
 */
export const streamFacts = (info: unknown): { lastId: string; lastEntryId: string } | undefined => {
  if (!Array.isArray(info)) return undefined;
  const fact = (name: string): unknown => info[info.indexOf(name) + 1];
  const last = fact('last-entry');
  return {
    lastId: String(fact('last-generated-id')),
    lastEntryId: Array.isArray(last) ? String(last[0]) : NOWHERE.id,
  };
};

/**
 * The numbers of the stream after an entry. A refused entry has none: otherwise a forged event could hide the
 * genuine one with the same number.
 */
export const numbersAfter = (
  { held, schedule }: { held: HeldKeys; schedule: Pick<SnapshotSchedule, 'demand'> },
  { seq: seqBefore, run: runBefore }: Place,
  read: Reading,
): Pick<Place, 'seq' | 'run'> => {
  const before = { seq: seqBefore, run: runBefore };
  if (read.kind === 'refused' || read.seq === undefined) return before;
  const { seq, run = runBefore } = read;
  const isOtherRun = run !== runBefore && runBefore !== undefined;
  // A replayed event: nothing in it is new, and anyone may have put it there.
  if (
    read.kind === 'opened' &&
    !isOtherRun &&
    seqBefore !== undefined &&
    seq <= seqBefore &&
    read.opened.version <= held.version(read.opened.assistantId)
  )
    return before;
  if (isOtherRun) schedule.demand('other-redis');
  // If the number does not rise, Redis has lost some events.
  else if (seqBefore !== undefined && seq !== seqBefore + 1)
    schedule.demand(seq > seqBefore ? 'gap' : 'other-redis');
  return { seq, run };
};
