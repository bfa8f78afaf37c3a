import { NOW_US, VERSION } from './sealed.ts';

/**
 * Entries in a row. Each names a case of events.json, whose text gets the numbers of the entry: no proof
 * covers them.
 */
interface Entry {
  event: string;
  seq?: unknown;
  run?: unknown;
  counts: boolean;
  /** Whether the consumer must take a snapshot. One that takes a snapshot anyway breaks nothing. */
  snapshot: boolean;
}
interface Sequence {
  name: string;
  /** The last numbers that counted; null if they are unknown. */
  start: { seq: number | null; run: number | null };
  /** The versions that are held. */
  held: Record<string, number>;
  entries: Entry[];
}

const RUN = 1_795_474_180_512_204;
const NEW = 'a new version';
const START = { seq: 5, run: RUN };

const entry = (seq: unknown, more: Partial<Entry> = {}): Entry => ({
  event: NEW,
  seq,
  run: RUN,
  counts: true,
  snapshot: false,
  ...more,
});
const sequence = (name: string, entries: Entry[], more: Partial<Sequence> = {}): Sequence => ({
  name,
  start: START,
  held: {},
  entries,
  ...more,
});
const unnumbered = { counts: false };
const forged = { event: 'a wrong proof', counts: false };

const sequences = (): Sequence[] => [
  sequence('in order', [
    entry(6),
    entry(7, { event: 'sealed for others only' }),
    entry(8, { event: 'a type that you do not know' }),
    entry(9, { event: 'an assistant without a key' }),
    entry(10, { event: 'a doubt about the published version' }),
    entry(11, { event: "another consumer's entry was changed" }),
  ]),
  sequence('a gap', [entry(6), entry(8, { snapshot: true })]),
  sequence('a gap before an event for others', [
    entry(7, { event: 'sealed for others only', snapshot: true }),
  ]),
  sequence('a seq that falls, with something new: this Redis knows less', [entry(3, { snapshot: true })]),
  sequence('the same seq again, with something new', [entry(5, { snapshot: true })]),
  sequence('a replayed event', [entry(3, { counts: false }), entry(6)], { held: { ast_1: VERSION } }),
  sequence('an event that is known, with the next seq', [entry(6), entry(7)], { held: { ast_1: NOW_US } }),
  sequence('another run', [entry(6, { run: RUN + 1, snapshot: true })]),
  sequence('another run, with an event that is known', [entry(2, { run: RUN + 1, snapshot: true })], {
    held: { ast_1: NOW_US },
  }),
  sequence('no run, as of earlier versions of Rekey', [
    entry(6, { run: undefined }),
    entry(8, { run: undefined, snapshot: true }),
  ]),
  sequence('a forged event with the next seq does not hide the genuine one', [entry(6, forged), entry(6)]),
  sequence('a forged event in place of a genuine one does not hide the gap', [
    entry(6, forged),
    entry(7, { snapshot: true }),
  ]),
  sequence('a forged event with another run counts for nothing', [
    entry(6, { ...forged, run: RUN + 1 }),
    entry(6),
  ]),
  sequence('entries without a usable seq', [
    entry('6', unnumbered),
    entry(0, unnumbered),
    entry(2 ** 53, unnumbered),
    entry(6.5, unnumbered),
    entry(null, unnumbered),
    entry(6),
  ]),
  sequence(
    'after an end of the stream whose seq is unknown, the first entry is not compared',
    [entry(41), entry(42), entry(44, { snapshot: true })],
    { start: { seq: null, run: null } },
  ),
  sequence('a stream that never existed begins with 1', [entry(1)], { start: { seq: 0, run: null } }),
  sequence('a stream that never existed, and begins with 3', [entry(3, { snapshot: true })], {
    start: { seq: 0, run: null },
  }),
];

export const sequencesFile = (): object => ({
  about:
    'Entries of the stream in a row, for the consumer billing, and when it must take a snapshot. `event` ' +
    'names a case of events.json; its data gets `seq` and `run`, or none if the entry has none.',
  cases: sequences(),
});
