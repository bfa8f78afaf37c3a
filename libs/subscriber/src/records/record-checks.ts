import { mayRead } from '@rekey/schema';
import type { FollowState } from '../follower/state.ts';
import { currentOf, inPages, type Session } from '../source/source.ts';
import type { Records } from './apply-records.ts';
import type { HeldKeys } from '../held/held-keys.ts';
import type { RedisClock } from '../redis/redis-clock.ts';
import type { OutrunKeys } from './outrun-keys.ts';
import type { Claim } from './read-event.ts';
import { readStored } from './read-stored.ts';
import { NOT_SEALED, type Refusals } from './refusals.ts';
import type { UnsealedRecords } from './unsealed-records.ts';

interface ChecksDeps {
  state: FollowState;
  clock: RedisClock;
  held: HeldKeys;
  unsealed: UnsealedRecords;
  outrun: OutrunKeys;
  records: Records;
  refusals: Refusals;
}

/** Reads current records about which events alone are not enough. */
export interface RecordChecks {
  /**
   * Schedules a read of the current record of a held assistant, if an event that could not be opened claims
   * to be newer than the held key, or to make it uncertain.
   */
  checkClaim(claim: Claim): void;
  /**
   * The same for a well-formed event that is sealed for others only. If it is of an org of this consumer, the
   * current record is read also if the assistant is not held.
   */
  checkForeign(claim: Claim): void;
  /** Schedules a read of the current record, for an event of this version. */
  checkLater(assistantId: string, version: number): void;
  /** Schedules a read of the current record of an assistant that is noted as unsealed, or as outrun. */
  checkCurrent(assistantId: string): void;
  /** Reads the current records that are scheduled. */
  readScheduled(from: Session): Promise<void>;
  /**
   * Reads some records that this consumer could not open, or that were not sealed for it. No event announces
   * a record that was resealed or repaired by hand.
   */
  retryUnreadable(from: Session): Promise<void>;
}

/** Unreadable records that are read again at a time. */
const RETRIED_AT_ONCE = 500;

/** A current record that is to be read. */
interface Scheduled {
  /** The version that an event claimed that could not be opened. */
  claimedVersion?: number;
  /** The event was of an org of this consumer, and not sealed for it. */
  isEntitled?: boolean;
}

export const createRecordChecks = (deps: ChecksDeps): RecordChecks => {
  const { state, held, unsealed, records, refusals } = deps;
  const scheduled = new Map<string, Scheduled>();

  const checkClaim = ({ type, assistantId, version }: Claim): void => {
    const heldVersion = held.version(assistantId);
    if (heldVersion > 0 && (version > heldVersion || (type === 'uncertain' && version === heldVersion)))
      scheduled.set(assistantId, { claimedVersion: version });
  };
  const retryUnsealed = async (from: Session): Promise<void> => {
    for (const page of inPages(unsealed.turn(RETRIED_AT_ONCE))) {
      for await (const { assistantId, text } of currentOf(from, page)) {
        const read = text === null ? undefined : readStored(deps, assistantId, text, false);
        // A refused record was counted when it was first seen, or is counted by the next snapshot.
        if (read?.kind === 'refused') continue;
        if (text === null) unsealed.delete(assistantId);
        else await records.applyStored(assistantId, text, false);
      }
    }
  };

  return {
    checkClaim,
    checkForeign: (claim) => {
      const { type, assistantId, version, orgId } = claim;
      if (unsealed.has(assistantId)) scheduled.set(assistantId, {});
      checkClaim(claim);
      if (orgId === undefined || !mayRead(state.enrolment!, orgId)) return;
      const heldVersion = held.version(assistantId);
      if (type === 'uncertain') {
        // A doubt about another version is none about the held key.
        if (version === heldVersion) refusals.addUnsealed({ assistantId, version, why: NOT_SEALED });
      } else if (version > heldVersion)
        scheduled.set(assistantId, { claimedVersion: version, isEntitled: true });
    },
    checkLater: (assistantId, version) => void scheduled.set(assistantId, { claimedVersion: version }),
    checkCurrent: (assistantId) => {
      if (!scheduled.has(assistantId)) scheduled.set(assistantId, {});
    },
    readScheduled: async (from) => {
      for (const page of inPages([...scheduled])) {
        const ids = page.map(([assistantId]) => assistantId);
        for await (const { assistantId, text } of currentOf(from, ids)) {
          const { claimedVersion, isEntitled } = scheduled.get(assistantId)!;
          if (text !== null) await records.applyStored(assistantId, text, false, claimedVersion);
          else if (isEntitled)
            refusals.addUnsealed({ assistantId, version: claimedVersion ?? 0, why: NOT_SEALED });
          else unsealed.delete(assistantId);
          scheduled.delete(assistantId);
        }
      }
    },
    retryUnreadable: async (from) => {
      for (const page of inPages([...held.unreadable()].slice(0, RETRIED_AT_ONCE))) {
        for await (const { assistantId, text } of currentOf(from, page)) {
          const read = text === null ? undefined : readStored(deps, assistantId, text, false);
          if (read?.kind === 'opened') await records.apply(read.opened);
          // The next call starts with the others.
          held.moveToEnd(assistantId);
        }
      }
      await retryUnsealed(from);
    },
  };
};
