import type { Acknowledgement } from '@rekey/schema';
import type { Refusal, UnreadableKey } from '../keys.ts';
import type { Listeners } from '../listeners.ts';
import type { HeldKeys } from './held-keys.ts';

/** What this consumer refused or could not apply. */
export interface Refusals {
  add(refusal: Refusal): void;
  /** Restarts `unapplied`. `refused` counts on. */
  beginSnapshot(): void;
  unapplied(): { count: number; last: readonly Refusal[] };
  refused(): { count: number; first: readonly Refusal[] };
  /** Both, as an acknowledgement reports them. */
  report(): Pick<Acknowledgement, 'unapplied' | 'refused'>;
}

const MAX_REPORTED = 20;
const UNREADABLE = 'its current record is newer than the held key, and this consumer cannot open it';

export const createRefusals = (held: HeldKeys, listeners: Listeners): Refusals => {
  let unapplied: { count: number; first: Refusal[]; last: Refusal[] } = { count: 0, first: [], last: [] };
  const refused: { count: number; first: Refusal[] } = { count: 0, first: [] };

  const unreadable = (): Refusal[] =>
    [...held.unreadable()].slice(0, MAX_REPORTED).map((assistantId) => ({
      assistantId,
      version: (held.get(assistantId) as UnreadableKey).claimedVersion,
      why: UNREADABLE,
    }));
  const unappliedCount = () => unapplied.count + held.unreadable().size;

  return {
    add: (refusal) => {
      const { count, first, last } = unapplied;
      unapplied = {
        count: count + 1,
        first: [...first, refusal].slice(0, MAX_REPORTED),
        last: [...last, refusal].slice(-MAX_REPORTED),
      };
      refused.count += 1;
      if (refused.first.length < MAX_REPORTED) refused.first.push(refusal);
      listeners.emit('refused', refusal);
    },
    beginSnapshot: () => {
      unapplied = { count: 0, first: [], last: [] };
    },
    unapplied: () => ({
      count: unappliedCount(),
      last: [...unreadable(), ...unapplied.last].slice(-MAX_REPORTED),
    }),
    refused: () => ({ count: refused.count, first: [...refused.first] }),
    report: () => ({
      unapplied: { count: unappliedCount(), first: toReport([...unreadable(), ...unapplied.first]) },
      refused: { count: refused.count, first: toReport(refused.first) },
    }),
  };
};

const toReport = (refusals: readonly Refusal[]) =>
  refusals
    .slice(0, MAX_REPORTED)
    .map(({ assistantId, version, why }) => ({ assistant_id: assistantId, version, why }));
