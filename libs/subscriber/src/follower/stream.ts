import { isBefore } from '@rekey/schema';
import type { Records } from '../records/apply-records.ts';
import type { HeldKeys } from '../held/held-keys.ts';
import type { OutrunKeys } from '../records/outrun-keys.ts';
import { readEvent } from '../records/read-event.ts';
import type { RecordChecks } from '../records/record-checks.ts';
import type { Refusals } from '../records/refusals.ts';
import type { UnsealedRecords } from '../records/unsealed-records.ts';
import type { RedisClock } from '../redis/redis-clock.ts';
import {
  EntryTooLong,
  NOWHERE,
  empty,
  type Place,
  type Session,
  type StreamFacts,
  type StreamItem,
} from '../source/source.ts';
import type { FreshnessReport } from './freshness.ts';
import type { SnapshotSchedule } from './snapshot-schedule.ts';
import type { FollowState } from './state.ts';
import { numbersAfter, numbersOf } from './numbers.ts';

interface StreamDeps {
  state: FollowState;
  clock: RedisClock;
  consumer: string;
  held: HeldKeys;
  unsealed: UnsealedRecords;
  outrun: OutrunKeys;
  records: Records;
  checks: RecordChecks;
  refusals: Refusals;
  schedule: SnapshotSchedule;
  freshness: FreshnessReport;
  /** Called when entries were applied. */
  onApplied(): void;
}

/** Reads the event stream and applies its entries. */
export interface Stream {
  /**
   * Reads the next entries and applies them. With `waitMs`, waits for entries for that time. Resolves with
   * whether there may be more.
   */
  read(from: Session, waitMs?: number): Promise<boolean>;
  /**
   * The end of the stream: its last entry, or the last id if that entry was deleted. What is read after this
   * includes all entries up to there, unless that id is ahead of the clock of Redis.
   */
  end(of: Session): Promise<Place>;
  /**
   * Demands a snapshot if this is another stream, or entries are missing. `asked`: the place up to which the
   * stream had been read when Redis was asked.
   */
  compare(facts: StreamFacts | undefined, asked: Place): void;
}

export const createStream = (deps: StreamDeps): Stream => {
  const { state, clock, checks, schedule, freshness } = deps;

  const read: Stream['read'] = async (from, waitMs) => {
    const { items, hasMore, provenAtMs } = await from
      .read(state.reading!, waitMs)
      .catch(passTooLong(schedule));
    const count = items.length;
    const lastId = items.at(-1)?.id;
    for (const item of items) {
      const before = state.reading;
      await applyItem(deps, item).catch((error: unknown) => {
        // It was not applied: the next session reads it again, and nothing after it is acknowledged.
        state.reading = before;
        throw error;
      });
    }
    empty(items);
    await noteAhead(deps, from, lastId);
    await checks.readScheduled(from);
    if (state.aheadId !== undefined) await checkAhead(from);
    if (!schedule.due) {
      if (state.aheadId === undefined) state.position = state.reading!;
      if (count > 0) deps.onApplied();
      if (provenAtMs !== undefined) freshness.provenAt(provenAtMs);
    }
    return hasMore;
  };

  const lastPlace = async (of: Session): Promise<Place> => {
    const { items, facts } = await of.last();
    const { lastId } = facts ?? { lastId: NOWHERE.id };
    const [last] = items;
    if (!last || isBefore(last.id, lastId))
      return lastId === NOWHERE.id ? NOWHERE : { id: lastId, seq: undefined, run: undefined };
    const { id } = last;
    const counting = items
      .map((item) => numbersOf(item, state.enrolment!.recipient))
      .find((numbers) => numbers !== undefined);
    return { id, seq: counting?.seq, run: state.isRunUnknown ? undefined : counting?.run };
  };

  const end: Stream['end'] = async (of) => {
    const place = await lastPlace(of);
    state.aheadId = undefined;
    await noteAhead(deps, of, place.id);
    return place;
  };

  const compare: Stream['compare'] = (facts, asked) => compareWith(deps, facts, asked);

  /**
   * While the last entry is ahead, an answer without entries proves nothing: others may have been added
   * before it. When the clock has reached it, a snapshot has them. If it was removed before that, the stream
   * ends earlier.
   */
  const checkAhead = async (at: Session): Promise<void> => {
    if (!clock.isAhead(state.aheadId!)) schedule.demand('clock');
    const asked = state.reading!;
    if (!schedule.due) compare(await at.facts(), asked);
  };

  return { read, end, compare };
};

/** A snapshot continues after an entry that can never be read, once another one has followed it. */
const passTooLong =
  (schedule: SnapshotSchedule) =>
  (error: unknown): never => {
    if (error instanceof EntryTooLong) schedule.demand('gap');
    throw error;
  };

const compareWith = ({ state, schedule }: StreamDeps, facts: StreamFacts | undefined, asked: Place): void => {
  if (facts === undefined) return;
  const { lastId, lastEntryId } = facts;
  if (isBefore(lastId, asked.id)) schedule.demand('other-redis');
  // There were unread entries, and now there are none. If some are left, the number of the first one shows
  // the gap.
  else if (isBefore(state.reading!.id, lastId) && !isBefore(state.reading!.id, lastEntryId))
    schedule.demand('trimmed');
};

/** Notes an entry that is ahead of the clock of Redis. */
const noteAhead = async (
  { state, clock }: StreamDeps,
  at: Session,
  id: string | undefined,
): Promise<void> => {
  if (id === undefined || !clock.isAhead(id)) return;
  // What is known of the clock is as old as an answer takes, and the clock may have been set.
  clock.set(await at.time());
  if (clock.isAhead(id)) state.aheadId = id;
};

const applyItem = async (deps: StreamDeps, item: StreamItem): Promise<void> => {
  const { state } = deps;
  if (item.from) state.reading = item.from;
  if (item.kind === 'entry') return applyEntry(deps, item.id, item.text);
  for (const { first, last, run } of item.numbers) {
    state.reading = {
      id: item.id,
      ...numbersAfter(deps, state.reading!, { kind: 'skipped', seq: first, run }),
    };
    state.reading.seq = last;
  }
  state.reading = { ...state.reading!, id: item.id };
};

const applyEntry = async (deps: StreamDeps, id: string, text: string | null): Promise<void> => {
  const { state, consumer, held, unsealed, outrun, records, checks, refusals, schedule } = deps;
  const read = readEvent(text, state.enrolment!.recipient);
  state.reading = { id, ...numbersAfter(deps, state.reading!, read) };
  if (read.kind === 'consumer' && read.name === consumer) schedule.demand('changed');
  if (read.kind === 'refused') refusals.add(read.refusal);
  if (read.kind !== 'opened') {
    if (read.kind === 'foreign') checks.checkForeign(read.claim);
    else if ('claim' in read && read.claim) checks.checkClaim(read.claim);
    return;
  }
  const { assistantId, version } = read.opened;
  // Anyone can replay an event. For an unreadable assistant, only its current record ends that state.
  if (held.unreadable().has(assistantId) && version <= held.version(assistantId))
    checks.checkLater(assistantId, version);
  else await records.apply(read.opened);
  // An event can be replayed, so only the current record shows that it is sealed for this consumer again, and
  // that the held version is no longer ahead of it.
  if (unsealed.has(assistantId) || outrun.has(assistantId)) checks.checkCurrent(assistantId);
};
