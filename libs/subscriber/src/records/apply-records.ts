import { mayRead } from '@rekey/schema';
import type { FollowState } from '../follower/state.ts';
import type { UnreadableKey } from '../keys.ts';
import type { Listeners } from '../listeners.ts';
import type { RedisClock } from '../redis/redis-clock.ts';
import type { HeldKeys } from '../held/held-keys.ts';
import type { OutrunKeys } from './outrun-keys.ts';
import { recordOf, type Claim, type Opened } from './read-event.ts';
import { readStored } from './read-stored.ts';
import type { Stored } from '../source/source.ts';
import { NOT_SEALED, type Refusals } from './refusals.ts';
import type { UnsealedRecords } from './unsealed-records.ts';

interface RecordsDeps {
  state: FollowState;
  clock: RedisClock;
  held: HeldKeys;
  unsealed: UnsealedRecords;
  outrun: OutrunKeys;
  refusals: Refusals;
  listeners: Listeners;
}

/** Applies opened events and current records to the held keys. */
export interface Records {
  apply(opened: Opened): Promise<void>;
  /**
   * Applies the current record of an assistant, or its entry among the uncertain ones. One that is sealed for
   * others only is noted as unsealed if it is of an org of this consumer, and ends the use of an older key.
   * `claimedVersion`: the version of an event that could not be opened.
   */
  applyStored(
    assistantId: string,
    text: Stored,
    isUncertain: boolean,
    claimedVersion?: number,
  ): Promise<void>;
  beginSnapshot(): void;
  /** Whether a version that was refused as too far ahead no longer is: the Redis clock has been corrected. */
  hasClockCaughtUp(): boolean;
}

/** What versions say of the order of records. */
const createOrder = ({ state, clock, held, unsealed, outrun }: RecordsDeps) => {
  /** The Redis clock may have been set since it was last read. */
  const readClock = async (): Promise<void> => {
    if (state.session) clock.set(await state.session.time());
  };
  /**
   * Rekey draws rising versions. One that is lower than the held one is an old event, unless the held one is
   * in the future: then a writer in Redis has put the counter forward, and back, and this key can be the one
   * in force. Nothing here can tell which of the two is, so it is reported until that is over.
   */
  const isInFuture = async (heldVersion: number): Promise<boolean> => {
    if (!clock.isInFuture(heldVersion)) return false;
    await readClock();
    return clock.isInFuture(heldVersion);
  };
  /** The restored assistants whose version was in the future when the first snapshot began. */
  let restoredAhead = new Set<string>();
  const beginSnapshot = (): void => {
    restoredAhead = new Set();
    if (!state.restored) return;
    for (const id of held.ids()) if (clock.isFarInFuture(held.version(id))) restoredAhead.add(id);
  };
  /**
   * A process without a cache takes the current record of each assistant at its start. So that a restart
   * repairs all alike, one with a cache does so for keys that are from a counter put forward.
   */
  const startAnew = ({ assistantId, version }: Opened): void => {
    if (version < held.version(assistantId) && restoredAhead.delete(assistantId)) held.remove(assistantId);
  };
  /** What a current record ends that could be opened. */
  const noteCurrent = (current: Opened): void => {
    const { assistantId, version } = current;
    unsealed.delete(assistantId);
    startAnew(current);
    if (version >= held.version(assistantId)) outrun.delete(assistantId);
  };
  return { readClock, isInFuture, beginSnapshot, noteCurrent };
};

/** Records and events that cannot be opened. */
const createForeign = ({ state, held, unsealed, refusals, listeners }: RecordsDeps) => {
  const markUnreadable = (assistantId: string, claimedVersion: number): void => {
    if (held.markUnreadable(assistantId, claimedVersion))
      listeners.emit('unreadable', held.get(assistantId) as UnreadableKey);
  };
  const applyForeign = (
    { assistantId, version, orgId }: Claim,
    isUncertain: boolean,
    claimedVersion: number | undefined,
  ): void => {
    const isEntitled = orgId !== undefined && mayRead(state.enrolment!, orgId);
    if (isUncertain) {
      if (isEntitled && version === held.version(assistantId))
        refusals.addUnsealed({ assistantId, version, why: NOT_SEALED });
      return;
    }
    const isNewer = version > held.version(assistantId);
    const isClaimed = claimedVersion !== undefined && version === held.version(assistantId);
    if (isNewer || isClaimed) markUnreadable(assistantId, version);
    // Unreadable assistants are reported as such.
    if (isEntitled && !held.unreadable().has(assistantId)) unsealed.note(assistantId, version);
    else unsealed.delete(assistantId);
  };
  return { markUnreadable, applyForeign };
};

export const createRecords = (deps: RecordsDeps): Records => {
  const { clock, held, refusals, listeners } = deps;
  /**
   * The lowest version that was refused as too far ahead since the last snapshot. The cause may be a wrong
   * Redis clock.
   */
  let lowestAhead = Infinity;

  const { readClock, isInFuture, beginSnapshot, noteCurrent } = createOrder(deps);
  const { markUnreadable, applyForeign } = createForeign(deps);

  const apply = async (opened: Opened): Promise<void> => {
    const { kind, assistantId, version, ahead } = opened;
    const heldVersion = held.version(assistantId);
    if (version < heldVersion && (await isInFuture(heldVersion))) {
      held.markSeen(assistantId);
      return refusals.addOutrun(opened);
    }
    if (!ahead && clock.isTooFarAhead(version)) {
      await readClock();
      if (clock.isTooFarAhead(version)) {
        lowestAhead = Math.min(lowestAhead, version);
        const why = 'its version is more than a day in the future';
        return refusals.add({ assistantId, version, why });
      }
    }
    if (kind === 'uncertain') {
      if (held.markUncertain(assistantId, version) && listeners.has('uncertain'))
        listeners.emit('uncertain', held.get(assistantId)!);
    } else if (held.apply(opened)) {
      announce(deps, opened);
    }
  };
  const applyStored: Records['applyStored'] = async (assistantId, text, isUncertain, claimedVersion) => {
    const read = readStored(deps, assistantId, text, isUncertain);
    if (read.kind === 'foreign') return applyForeign(read.claim, isUncertain, claimedVersion);
    if (read.kind === 'opened') {
      if (!isUncertain) noteCurrent(read.opened);
      return apply(read.opened);
    }
    if (read.kind === 'refused') {
      refusals.add(read.refusal);
      // A refused record alone says nothing about the held key. Together with an event that claims a newer
      // version, it does.
      if (claimedVersion === undefined) held.markSeen(assistantId);
      else markUnreadable(assistantId, claimedVersion);
    } else if ('isKnown' in read) {
      held.markSeen(assistantId);
    }
  };

  return {
    apply,
    applyStored,
    beginSnapshot: () => {
      lowestAhead = Infinity;
      beginSnapshot();
    },
    hasClockCaughtUp: () => lowestAhead < Infinity && !clock.isTooFarAhead(lowestAhead),
  };
};

const announce = ({ held, listeners }: RecordsDeps, opened: Opened): void => {
  const { kind, assistantId, orgId, version, removal, plaintext } = opened;
  if (kind === 'removed')
    return listeners.emit('removed', { assistantId, orgId, version, removal: removal! });
  const key = listeners.has('key') ? held.get(assistantId) : undefined;
  if (key?.state === 'held') listeners.emit('key', { ...key, record: () => recordOf(plaintext) });
};
