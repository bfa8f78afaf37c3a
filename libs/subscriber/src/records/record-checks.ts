import type { FollowState } from '../follower/state.ts';
import { inPages, type Pages } from '../redis/pages.ts';
import type { Session } from '../redis/session.ts';
import type { Records } from './apply-records.ts';
import type { HeldKeys } from './held-keys.ts';
import type { Claim } from './read-event.ts';
import { readStored } from './read-stored.ts';

interface ChecksDeps {
  state: FollowState;
  pages: Pages;
  held: HeldKeys;
  records: Records;
}

/** Reads current records about which events alone are not enough. */
export interface RecordChecks {
  /**
   * Schedules a read of the current record of a held assistant, if an event that could not be opened claims
   * to be newer than the held key, or to make it uncertain.
   */
  checkClaim(claim: Claim): void;
  /** Schedules a read of the current record, for an event of this version. */
  checkLater(assistantId: string, version: number): void;
  /** Reads the current records that are scheduled. */
  readScheduled(from: Session): Promise<void>;
  /**
   * Reads some records that this consumer could not open. No event announces a record that was resealed or
   * repaired by hand.
   */
  retryUnreadable(from: Session): Promise<void>;
}

/** Unreadable records that are read again at a time. */
const RETRIED_AT_ONCE = 500;

export const createRecordChecks = ({ state, pages, held, records }: ChecksDeps): RecordChecks => {
  /** Assistants whose current record is to be read, with the version that an event claimed. */
  const scheduled = new Map<string, number>();

  return {
    checkClaim: ({ type, assistantId, version }) => {
      const heldVersion = held.version(assistantId);
      if (heldVersion > 0 && (version > heldVersion || (type === 'uncertain' && version === heldVersion)))
        scheduled.set(assistantId, version);
    },
    checkLater: (assistantId, version) => void scheduled.set(assistantId, version),
    readScheduled: async (from) => {
      for (const page of inPages([...scheduled])) {
        const ids = page.map(([assistantId]) => assistantId);
        for (const [i, { assistantId, text }] of (await pages.current(from, ids)).entries()) {
          const [, claimedVersion] = page[i]!;
          if (text !== null) await records.applyStored(assistantId, text, false, claimedVersion);
          scheduled.delete(assistantId);
        }
      }
    },
    retryUnreadable: async (from) => {
      for (const page of inPages([...held.unreadable()].slice(0, RETRIED_AT_ONCE))) {
        for (const { assistantId, text } of await pages.current(from, page)) {
          const read = text === null ? undefined : readStored({ state, held }, assistantId, text, false);
          if (read?.kind === 'opened') await records.apply(read.opened);
          // The next call starts with the others.
          held.moveToEnd(assistantId);
        }
      }
    },
  };
};
