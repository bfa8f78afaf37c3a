import type { SharedKeys } from '@rekey/sealing';
import type { HeldKeys } from '../held/held-keys.ts';
import { readEvent, type Reading } from '../records/read-event.ts';
import type { Place, StreamItem } from '../source/source.ts';
import type { SnapshotSchedule } from './snapshot-schedule.ts';

/** The numbers of an item, if they count. */
export const numbersOf = (
  item: StreamItem,
  recipient: SharedKeys,
): Pick<Place, 'seq' | 'run'> | undefined => {
  if (item.kind === 'skipped') {
    const last = item.numbers.at(-1);
    return last && { seq: last.last, run: last.run };
  }
  const read = readEvent(item.text, recipient);
  return read.kind === 'refused' || read.seq === undefined ? undefined : { seq: read.seq, run: read.run };
};

type Numbered = Reading | { kind: 'skipped'; seq: number; run: number | undefined };

/**
 * The numbers of the stream after an entry. A refused entry has none: otherwise a forged event could hide the
 * genuine one with the same number.
 */
export const numbersAfter = (
  { held, schedule }: { held: HeldKeys; schedule: Pick<SnapshotSchedule, 'demand'> },
  { seq: seqBefore, run: runBefore }: Place,
  read: Numbered,
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
