import type { Acknowledgement } from '@rekey/schema';
import type { Refusal, UnreadableKey } from '../keys.ts';
import type { Listeners } from '../listeners.ts';
import type { HeldKeys } from '../held/held-keys.ts';
import type { OutrunKeys } from './outrun-keys.ts';
import type { Opened } from './read-event.ts';
import type { UnsealedRecords } from './unsealed-records.ts';

/** What this consumer refused or could not apply. */
export interface Refusals {
  add(refusal: Refusal): void;
  /**
   * A version below a held one of the future. That of a key is unapplied while it is among the outrun ones, a
   * doubt until the next snapshot.
   */
  addOutrun(opened: Pick<Opened, 'kind' | 'assistantId' | 'version'>): void;
  /** Something that this consumer is entitled to and that is not sealed for it. It was not refused. */
  addUnsealed(unsealed: Refusal): void;
  /** Restarts `unapplied`. `refused` counts on. */
  beginSnapshot(): void;
  unapplied(): { count: number; last: readonly Refusal[] };
  refused(): { count: number; first: readonly Refusal[] };
  /** Both, as an acknowledgement reports them. */
  report(): Pick<Acknowledgement, 'unapplied' | 'refused'>;
}

const MAX_REPORTED = 20;
export const NOT_SEALED = 'it is of an org of this consumer, and not sealed for it';
const OUTRUN = 'the held key has a version in the future';
const UNREADABLE = 'its current record is newer than the held key, and this consumer cannot open it';

interface RefusalsDeps {
  held: HeldKeys;
  unsealed: UnsealedRecords;
  outrun: OutrunKeys;
  listeners: Listeners;
}

export const createRefusals = ({ held, unsealed, outrun, listeners }: RefusalsDeps): Refusals => {
  let unapplied: { count: number; first: Refusal[]; last: Refusal[] } = { count: 0, first: [], last: [] };
  const refused: { count: number; first: Refusal[] } = { count: 0, first: [] };

  const addUnapplied = (refusal: Refusal): void => {
    const { count, first, last } = unapplied;
    unapplied = {
      count: count + 1,
      first: [...first, refusal].slice(0, MAX_REPORTED),
      last: [...last, refusal].slice(-MAX_REPORTED),
    };
  };
  const lacking = (): Refusal[] => [
    ...unreadable(),
    ...unsealed.first(MAX_REPORTED).map((one) => ({ ...one, why: NOT_SEALED })),
    ...outrun.first(MAX_REPORTED).map((one) => ({ ...one, why: OUTRUN })),
  ];
  const unreadable = (): Refusal[] =>
    [...held.unreadable()].slice(0, MAX_REPORTED).map((assistantId) => ({
      assistantId,
      version: (held.get(assistantId) as UnreadableKey).claimedVersion,
      why: UNREADABLE,
    }));
  const unappliedCount = () => unapplied.count + held.unreadable().size + unsealed.size + outrun.size;

  const addRefused = (refusal: Refusal): void => {
    refused.count += 1;
    if (refused.first.length < MAX_REPORTED) refused.first.push(refusal);
    listeners.emit('refused', refusal);
  };

  return {
    add: (refusal) => {
      addUnapplied(refusal);
      addRefused(refusal);
    },
    addOutrun: ({ kind, assistantId, version }) => {
      const refusal = { assistantId, version, why: OUTRUN };
      if (kind === 'uncertain') addUnapplied(refusal);
      if (kind === 'uncertain' || outrun.note(assistantId, version)) addRefused(refusal);
    },
    addUnsealed: addUnapplied,
    beginSnapshot: () => {
      unapplied = { count: 0, first: [], last: [] };
    },
    unapplied: () => ({
      count: unappliedCount(),
      last: [...lacking(), ...unapplied.last].slice(-MAX_REPORTED),
    }),
    refused: () => ({ count: refused.count, first: [...refused.first] }),
    report: () => ({
      unapplied: { count: unappliedCount(), first: toReport([...lacking(), ...unapplied.first]) },
      refused: { count: refused.count, first: toReport(refused.first) },
    }),
  };
};

const toReport = (refusals: readonly Refusal[]) =>
  refusals
    .slice(0, MAX_REPORTED)
    .map(({ assistantId, version, why }) => ({ assistant_id: assistantId, version, why }));
