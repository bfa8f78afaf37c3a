import { setImmediate as yieldToEventLoop } from 'node:timers/promises';
import { mayRead } from '@rekey/schema';
import type { SnapshotReason } from '../keys.ts';
import type { Listeners } from '../listeners.ts';
import { TOO_LONG, currentOf, empty, inPages, type Session } from '../source/source.ts';
import type { Records } from '../records/apply-records.ts';
import type { HeldKeys } from '../held/held-keys.ts';
import type { OutrunKeys } from '../records/outrun-keys.ts';
import type { Refusals } from '../records/refusals.ts';
import type { UnsealedRecords } from '../records/unsealed-records.ts';
import type { SnapshotSchedule } from './snapshot-schedule.ts';
import type { FollowState } from './state.ts';
import type { Stream } from './stream.ts';

interface SnapshotDeps {
  state: FollowState;
  held: HeldKeys;
  unsealed: UnsealedRecords;
  outrun: OutrunKeys;
  records: Records;
  refusals: Refusals;
  schedule: SnapshotSchedule;
  stream: Stream;
  listeners: Listeners;
}

/**
 * Reads everything that this consumer may read, and then the stream from the place where it ended when the
 * snapshot began. Held keys stay usable meanwhile.
 */
export const takeSnapshot = async (
  deps: SnapshotDeps,
  from: Session,
  { reason }: { reason: SnapshotReason },
): Promise<void> => {
  const { state, held, unsealed, records, refusals, schedule, stream, listeners } = deps;
  const beganMs = performance.now();
  held.beginSnapshot();
  refusals.beginSnapshot();
  unsealed.beginSnapshot();
  records.beginSnapshot();
  const orgs = state.enrolment!.orgs;
  state.reading = await stream.end(from);
  let areDoubtsKnown = true;
  for await (const page of from.snapshot(orgs)) {
    for (const { assistantId, text } of page.records)
      if (text !== null) await records.applyStored(assistantId, text, false);
    for (const { assistantId, text } of page.uncertain) {
      if (text !== null) await records.applyStored(assistantId, text, true);
      if (text === TOO_LONG) areDoubtsKnown = false;
    }
    empty(page.records);
    await yieldToEventLoop();
  }
  while (await stream.read(from)) await yieldToEventLoop();
  await dropUnseen(deps, from);
  unsealed.endSnapshot();
  for (const assistantId of areDoubtsKnown ? held.endUncertainty() : [])
    if (listeners.has('certain')) listeners.emit('certain', held.get(assistantId)!);
  const tookMs = schedule.ended(beganMs);
  state.isRunUnknown = false;
  listeners.emit('snapshot', { reason, keys: held.size, tookMs });
};

/**
 * Removes the assistants that are no longer in the list of their org: deleted, moved, or no longer readable
 * for this consumer. Reads the current record of each before that.
 */
const dropUnseen = async (
  { state, held, outrun, records, listeners }: SnapshotDeps,
  from: Session,
): Promise<void> => {
  for (const page of inPages(held.unseen())) {
    const orgIds = new Map(page.map(({ assistantId, orgId }) => [assistantId, orgId]));
    for await (const { assistantId, text } of currentOf(from, [...orgIds.keys()])) {
      const orgId = orgIds.get(assistantId)!;
      const mayStillRead = mayRead(state.enrolment!, orgId);
      if (mayStillRead && text !== null) await records.applyStored(assistantId, text, false);
      // Rekey deletes no record of an assistant that is held: of a removed one it keeps the removal. A Redis
      // that lost its last seconds may lack a key in force, and another client can delete it. So the key is
      // kept: Rekey compares all keys with Invent and publishes it again.
      if (mayStillRead && text === null) held.markSeen(assistantId);
    }
    await yieldToEventLoop();
  }
  for (const { assistantId, orgId } of held.unseen()) {
    const version = held.version(assistantId);
    held.remove(assistantId);
    outrun.delete(assistantId);
    listeners.emit('removed', { assistantId, orgId, version, removal: 'withdrawn' });
  }
};
