import type { FollowState } from '../follower/state.ts';
import type { Refusal } from '../keys.ts';
import type { HeldKeys } from '../held/held-keys.ts';
import type { RedisClock } from '../redis/redis-clock.ts';
import type { OutrunKeys } from './outrun-keys.ts';
import type { UnsealedRecords } from './unsealed-records.ts';
import { TOO_LONG, type Stored } from '../source/source.ts';
import { readEvent, type Opened, type Reading } from './read-event.ts';

interface StoredDeps {
  state: FollowState;
  clock: RedisClock;
  held: HeldKeys;
  unsealed: UnsealedRecords;
  outrun: OutrunKeys;
}

/** Reads a stored event. Refuses one that is stored for another assistant or purpose. */
export const readStored = (
  { state, clock, held, unsealed, outrun }: StoredDeps,
  assistantId: string,
  text: Stored,
  isUncertain: boolean,
): (Reading & { isKnown?: true }) | { kind: 'refused'; refusal: Refusal } => {
  if (text === TOO_LONG) {
    const what = assistantId === '' ? 'a list in Redis' : 'its record';
    const why = `${what} is longer than any that Rekey writes`;
    return { kind: 'refused', refusal: { assistantId, version: 0, why } };
  }
  /** Whether the version says nothing new. If the held one is of the future, a lower one does. */
  const isKnownVersion = (version: number, heldVersion: number): boolean =>
    version === heldVersion || (version < heldVersion && !clock.isInFuture(heldVersion));
  const hasNothingNew = (id: string, version: number): boolean =>
    !isUncertain &&
    id === assistantId &&
    isKnownVersion(version, held.version(id)) &&
    !held.unreadable().has(id) &&
    !unsealed.has(id) &&
    !outrun.has(id);
  const read = readEvent(text, state.enrolment!.recipient, hasNothingNew);
  const isMisplaced = (type: Opened['kind'], id: string): boolean =>
    id !== assistantId || (type === 'uncertain') !== isUncertain;
  const misplaced = (version: number) => ({
    kind: 'refused' as const,
    refusal: { assistantId, version, why: 'it is stored in place of another event' },
  });
  if (read.kind === 'opened' && isMisplaced(read.opened.kind, read.opened.assistantId))
    return misplaced(read.opened.version);
  if (read.kind === 'foreign' && isMisplaced(read.claim.type, read.claim.assistantId))
    return misplaced(read.claim.version);
  return read;
};
