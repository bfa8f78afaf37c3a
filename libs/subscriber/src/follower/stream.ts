import { isBefore } from '@rekey/schema';
import type { Names } from '../redis/names.ts';
import { empty } from '../redis/pages.ts';
import { createReadSize } from '../redis/read-size.ts';
import { isErrorReply, repliesOf, replyCode } from '../redis/replies.ts';
import { ANSWER_WITHIN_MS, type Session } from '../redis/session.ts';
import type { Records } from '../records/apply-records.ts';
import type { HeldKeys } from '../records/held-keys.ts';
import { readEvent } from '../records/read-event.ts';
import type { RecordChecks } from '../records/record-checks.ts';
import type { Refusals } from '../records/refusals.ts';
import type { UnsealedRecords } from '../records/unsealed-records.ts';
import type { RedisClock } from '../redis/redis-clock.ts';
import type { FreshnessReport } from './freshness.ts';
import type { SnapshotSchedule } from './snapshot-schedule.ts';
import { NOWHERE, type FollowState, type Place } from './state.ts';
import { numbersAfter, sizeOf, streamFacts, textOf } from './stream-info.ts';

interface StreamDeps {
  state: FollowState;
  clock: RedisClock;
  names: Names;
  consumer: string;
  held: HeldKeys;
  unsealed: UnsealedRecords;
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
  /** The reply to XINFO STREAM. */
  info(at: Session): Promise<unknown>;
  /**
   * Demands a snapshot if this is another stream, or entries are missing. `asked`: the place up to which the
   * stream had been read when Redis was asked.
   */
  compare(info: unknown, asked: Place): void;
}

const ENTRIES_PER_READ = 500;
/** The number of entries that are searched for the last one that counts: refused ones may follow it. */
const ENTRIES_AT_END = 10;

export const createStream = (deps: StreamDeps): Stream => {
  const { state, clock, names, checks, schedule, freshness } = deps;
  const readSize = createReadSize(ENTRIES_PER_READ);
  const endSize = createReadSize(ENTRIES_AT_END);

  const read: Stream['read'] = async (from, waitMs) => {
    const sentMs = performance.now();
    const { id } = state.reading!;
    const { waiting } = from;
    const request = (count: number) =>
      from.answer(
        waitMs === undefined
          ? waiting.xread('COUNT', count, 'STREAMS', names.events, id)
          : waiting.xread('COUNT', count, 'BLOCK', waitMs, 'STREAMS', names.events, id),
        { on: waiting, silentMs: ANSWER_WITHIN_MS + (waitMs ?? 0) },
      );
    const { answer: reply, isFull } = await readSize.read(request, (answer) =>
      sizeOf(answer?.[0]?.[1] ?? []),
    );
    const answeredMs = performance.now();
    const entries = reply?.[0]?.[1] ?? [];
    const count = entries.length;
    for (const [entryId, fields] of entries) await applyEntry(deps, entryId, fields);
    await noteAhead(deps, from, entries.at(-1)?.[0]);
    empty(entries);
    await checks.readScheduled(from);
    if (state.aheadId !== undefined) await checkAhead(from);
    // An answer without entries proves that there were none until the end of the wait. When Redis made an
    // answer with entries is unknown: it proves nothing later than its request.
    const provenAtMs = count === 0 ? Math.min(sentMs + (waitMs ?? 0), answeredMs) : sentMs;
    if (!schedule.due) {
      if (state.aheadId === undefined) state.position = state.reading!;
      if (count > 0) deps.onApplied();
      if (!isFull) freshness.provenAt(provenAtMs);
    }
    return isFull;
  };

  const info: Stream['info'] = async (at) =>
    repliesOf(await at.commands.pipeline().xinfo('STREAM', names.events).exec())[0];

  const lastPlace = async (of: Session): Promise<Place> => {
    const request = (count: number) =>
      of.answer(Promise.all([info(of), of.commands.xrevrange(names.events, '+', '-', 'COUNT', count)]));
    const [facts, entries] = (await endSize.read(request, ([, last]) => sizeOf(last))).answer;
    const { lastId } = streamFacts(facts) ?? { lastId: NOWHERE.id };
    const [last] = entries;
    if (!last || isBefore(last[0], lastId))
      return lastId === NOWHERE.id ? NOWHERE : { id: lastId, seq: undefined, run: undefined };
    const id = last[0];
    const counting = entries
      .map(([, fields]) => readEvent(textOf(fields), state.enrolment!.recipient))
      .find((one) => one.kind !== 'refused' && one.seq !== undefined);
    empty(entries);
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
    if (!schedule.due) compare(await info(at), asked);
  };

  return { read, end, info, compare };
};

const compareWith = ({ state, schedule }: StreamDeps, facts: unknown, asked: Place): void => {
  // Redis answers ERR if there is no stream. Any other error says nothing about the stream.
  if (isErrorReply(facts) && replyCode(facts) !== 'ERR') return;
  const { lastId, lastEntryId } = streamFacts(facts) ?? { lastId: NOWHERE.id, lastEntryId: NOWHERE.id };
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
  clock.set(await at.answer(at.commands.time()));
  if (clock.isAhead(id)) state.aheadId = id;
};

const applyEntry = async (deps: StreamDeps, id: string, fields: readonly string[]): Promise<void> => {
  const { state, consumer, held, unsealed, records, checks, refusals, schedule } = deps;
  const read = readEvent(textOf(fields), state.enrolment!.recipient);
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
  // An event can be replayed, so only the current record shows that it is sealed for this consumer again.
  if (unsealed.has(assistantId)) checks.checkUnsealed(assistantId);
};
