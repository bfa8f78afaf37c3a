import { randomBytes } from 'node:crypto';
import { setImmediate as breathe, setTimeout as sleep } from 'node:timers/promises';
import { Consumer, isBefore, mayRead, unfitRedis, type Acknowledgement } from '@rekey/schema';
import { SealError, openGrant, type SharedKeys } from '@rekey/sealing';
import { createAcknowledger } from './acknowledger.ts';
import type { HeldKeys } from '../keys/held-keys.ts';
import type { Freshness, KeysEvents, Refusal, RevokedEvent, SnapshotReason, UnreadableKey } from '../keys.ts';
import type { Names } from '../redis/names.ts';
import type { Settings } from '../options.ts';
import type { OwnKeys } from '../own-keys.ts';
import { PAGE_SIZE, currentRecords, empty, inPages, publishedPages, uncertainPages } from './pages.ts';
import { readEvent, recordOf, type Claim, type Opened, type Reading } from '../keys/read-event.ts';
import { createReadSize, type ReadSize } from '../redis/read-size.ts';
import { createRedisClock } from '../redis/redis-clock.ts';
import {
  ANSWER_WITHIN_MS,
  isReply,
  openSession,
  replyCode,
  type Connect,
  type Session,
} from '../redis/session.ts';
import { createSnapshotPace } from './snapshot-pace.ts';
import { SubscribeError } from '../subscribe-error.ts';

export interface FollowerDeps {
  settings: Settings;
  names: Names;
  ownKeys: OwnKeys;
  held: HeldKeys;
  connect: Connect;
  /** Whether anybody listens: else no event is made. */
  isHeard(event: keyof KeysEvents): boolean;
  tell<E extends keyof KeysEvents>(event: E, ...what: KeysEvents[E]): void;
}

/** Keeps what is held in step with Redis, over all that happens to it. */
export interface Follower {
  /**
   * Resolves when the first snapshot is taken and what came since is applied. Rejects with SubscribeError.
   */
  start(): Promise<void>;
  freshness(): Freshness;
  unapplied(): { count: number; last: readonly Refusal[] };
  refused(): { count: number; first: readonly Refusal[] };
  close(): Promise<void>;
}

/**
 * A place in the stream. `seq` and `run`: of the last entry up to there that counts; undefined if unknown,
 * and then not compared with the next one.
 */
interface Place {
  id: string;
  seq: number | undefined;
  run: number | undefined;
}
interface Due {
  reason: SnapshotReason;
  /** Not before. */
  atMs: number;
  /** Redis is another one than before, and may have forgotten what it had published. */
  otherRedis: boolean;
}

/** How long one read waits for events. After so long without any, their absence is proved anew. */
const WAIT_MS = 500;
const ENTRIES_A_READ = 500;
/** How many entries are searched for the last one that counts: refused ones may follow it. */
const ENTRIES_AT_END = 10;
const LOOK_AGAIN_MS = 1000;
const LOOK_AT_START_MS = 200;
const LONGEST_WATCH_MS = 3000;
const LEAVE_WITHIN_MS = 1000;
const UNAPPLIED_REPORTED = 20;
const NOWHERE: Place = { id: '0-0', seq: 0, run: undefined };
const UNREADABLE = 'its current record is newer than what is held, and cannot be opened by this consumer';

export const createFollower = ({
  settings,
  names,
  ownKeys,
  held,
  connect,
  isHeard,
  tell,
}: FollowerDeps): Follower => {
  const { consumer, leaseMs, staleAfterMs } = settings;
  const instance = randomBytes(6).toString('hex');
  const clock = createRedisClock();
  const closing = new AbortController();
  const pace = createSnapshotPace();
  const [entriesARead, entriesAtEnd, recordsARead] = [ENTRIES_A_READ, ENTRIES_AT_END, PAGE_SIZE].map(
    createReadSize,
  ) as [ReadSize, ReadSize, ReadSize];

  let session: Session | undefined;
  let runId: string | undefined;
  let entry: { text: string; orgs: string[]; reader: SharedKeys } | undefined;
  /**
   * Up to where the stream was read; and up to where everything is applied, which stands still while a
   * snapshot is due.
   */
  let reading: Place | undefined;
  let position: Place = NOWHERE;
  let due: Due | undefined;
  let next: Due | undefined;
  let taking = false;
  let lastTaken = { endedAtMs: -Infinity, tookMs: 0 };
  /** Another Redis process answers: the run of what is published there is not known yet. */
  let isRunUnknown = false;
  let ready = false;
  let revoked: (RevokedEvent & { sinceMs: number }) | undefined;
  let lastFault: unknown;
  let acknowledging = false;
  /**
   * The lowest version that was refused since the last snapshot for lying too far in the future: it may be
   * the clock of Redis that is wrong.
   */
  let lowestAhead = Infinity;
  let unapplied: { count: number; first: Refusal[]; last: Refusal[] } = { count: 0, first: [], last: [] };
  const refused: { count: number; first: Refusal[] } = { count: 0, first: [] };
  /**
   * Assistants whose current record is to be read, since an event claims this version and could not be
   * opened. Kept until it has been read.
   */
  const toLook = new Map<string, number>();
  /** All that was published until then is applied. By performance.now(). */
  let provenMs = -Infinity;
  let toldStale = false;

  // ---- what is told ----

  const freshness = (): Freshness => {
    const nowMs = performance.now();
    const behindMs = nowMs - provenMs;
    const staleMs = Math.max(behindMs - staleAfterMs, revoked ? nowMs - revoked.sinceMs : -Infinity);
    return {
      upToDate: staleMs < 0,
      behindMs,
      staleForMs: staleMs < 0 ? undefined : staleMs,
      connected: session !== undefined,
      snapshotDue: due?.reason,
      revoked: revoked !== undefined,
      acknowledging,
      position: position.id,
      seq: position.seq ?? 0,
      instance,
      fault: (lastFault as Partial<Error> | undefined)?.message,
    };
  };
  const noteFreshness = (): void => {
    const now = freshness();
    if (!ready || now.upToDate !== toldStale) return;
    toldStale = !now.upToDate;
    tell(toldStale ? 'stale' : 'fresh', now);
  };
  const isProvenAt = (ms: number): void => {
    provenMs = Math.max(provenMs, ms);
    noteFreshness();
  };

  const refuse = (refusal: Refusal): void => {
    const { count, first, last } = unapplied;
    unapplied = {
      count: count + 1,
      first: [...first, refusal].slice(0, UNAPPLIED_REPORTED),
      last: [...last, refusal].slice(-UNAPPLIED_REPORTED),
    };
    refused.count += 1;
    if (refused.first.length < UNAPPLIED_REPORTED) refused.first.push(refusal);
    tell('refused', refusal);
  };
  const unreadable = (): Refusal[] =>
    [...held.unreadable()].slice(0, UNAPPLIED_REPORTED).map((assistantId) => ({
      assistantId,
      version: (held.get(assistantId) as UnreadableKey).claimedVersion,
      why: UNREADABLE,
    }));
  const reported = (refusals: readonly Refusal[]) =>
    refusals
      .slice(0, UNAPPLIED_REPORTED)
      .map(({ assistantId, version, why }) => ({ assistant_id: assistantId, version, why }));

  const acknowledgement = (): Acknowledgement | undefined => {
    if (!ready || revoked || !session) return undefined;
    return {
      consumer,
      instance,
      lease_ms: leaseMs,
      position: position.id,
      seq: position.seq ?? 0,
      keys: held.size,
      unapplied: {
        count: unapplied.count + held.unreadable().size,
        first: reported([...unreadable(), ...unapplied.first]),
      },
      refused: { count: refused.count, first: reported(refused.first) },
      leaving: false,
    };
  };
  const acknowledger = createAcknowledger(acknowledgement, async (ack) => {
    const sentIn = session;
    if (!sentIn) return;
    try {
      await sentIn.answer(sentIn.commands.xadd(names.acks, 'MAXLEN', '~', 20_000, '*', 'ack', ack));
      acknowledging = true;
    } catch (error) {
      acknowledging = false;
      // It was the master and is no more: whoever is has to be found. All else (no memory, no permission) is
      // no reason not to have keys.
      if (isReply(error) && replyCode(error) === 'READONLY') sentIn.end(error);
    }
  });

  // ---- what is applied ----

  const applyOpened = async (opened: Opened): Promise<void> => {
    const { kind, assistantId, version, ahead } = opened;
    if (!ahead && clock.isAbsurd(version)) {
      // Its clock may have been set since it was asked.
      await askTime();
      if (clock.isAbsurd(version)) {
        lowestAhead = Math.min(lowestAhead, version);
        return refuse({ assistantId, version, why: 'its version lies in the future by more than a day' });
      }
    }
    if (kind === 'uncertain') {
      if (held.doubt(assistantId, version) && isHeard('uncertain')) tell('uncertain', held.get(assistantId)!);
    } else if (held.apply(opened)) {
      tellNews(opened);
    }
  };
  const askTime = async (): Promise<void> => {
    if (session) clock.set(await session.answer(session.commands.time()));
  };
  const tellNews = ({ kind, assistantId, orgId, version, removal, plaintext }: Opened): void => {
    if (kind === 'removed') return tell('removed', { assistantId, orgId, version, removal: removal! });
    const now = isHeard('key') ? held.get(assistantId) : undefined;
    if (now?.state === 'held') tell('key', { ...now, record: () => recordOf(plaintext) });
  };

  const markUnreadable = (assistantId: string, claimedVersion: number): void => {
    if (held.markUnreadable(assistantId, claimedVersion))
      tell('unreadable', held.get(assistantId) as UnreadableKey);
  };

  const readStanding = (assistantId: string, text: string, inDoubt: boolean) => {
    const isNothingNew = (id: string, version: number): boolean =>
      !inDoubt && id === assistantId && version <= held.version(id) && !held.unreadable().has(id);
    const read = readEvent(text, entry!.reader, isNothingNew);
    const isMisplaced = (type: Opened['kind'], id: string): boolean =>
      id !== assistantId || (type === 'uncertain') !== inDoubt;
    if (
      (read.kind === 'opened' && isMisplaced(read.opened.kind, read.opened.assistantId)) ||
      (read.kind === 'foreign' && isMisplaced(read.claim.type, read.claim.assistantId))
    ) {
      const { version } = read.kind === 'opened' ? read.opened : read.claim;
      return {
        kind: 'refused' as const,
        refusal: { assistantId, version, why: 'it stands where another event belongs' },
      };
    }
    return read;
  };

  /**
   * Applies the current record of an assistant, or what stands for it among those in doubt. One that is
   * sealed for others only, and no newer than what is held, is not seen. `saidVersion`: that an event has
   * claimed which could not be opened.
   */
  const applyStanding = async (
    assistantId: string,
    text: string,
    inDoubt: boolean,
    saidVersion?: number,
  ): Promise<void> => {
    const read = readStanding(assistantId, text, inDoubt);
    if (read.kind === 'opened') return applyOpened(read.opened);
    if (read.kind === 'refused') {
      refuse(read.refusal);
      // A record that is refused says nothing of the key that is held. With an event that says that there is
      // a newer one, it does.
      if (saidVersion === undefined) held.see(assistantId);
      else markUnreadable(assistantId, saidVersion);
    } else if (read.kind === 'foreign') {
      const { version } = read.claim;
      if (
        !inDoubt &&
        (version > held.version(assistantId) ||
          (saidVersion !== undefined && version === held.version(assistantId)))
      )
        markUnreadable(assistantId, version);
    } else if ('isKnown' in read) {
      held.see(assistantId);
    }
  };

  /**
   * Has the current record of an assistant read that is held, if an event that could not be opened claims to
   * be newer than that, or to put it in doubt.
   */
  const lookLater = ({ type, assistantId, version }: Claim): void => {
    const heldVersion = held.version(assistantId);
    if (heldVersion > 0 && (version > heldVersion || (type === 'uncertain' && version === heldVersion)))
      toLook.set(assistantId, version);
  };
  const lookNow = async (from: Session): Promise<void> => {
    for (const page of inPages([...toLook])) {
      const standing = await currentRecords(
        from,
        names,
        page.map(([assistantId]) => assistantId),
        recordsARead,
      );
      for (const [i, { assistantId, text }] of standing.entries()) {
        const [, saidVersion] = page[i]!;
        if (text !== null) await applyStanding(assistantId, text, false, saidVersion);
        toLook.delete(assistantId);
      }
    }
  };
  /** A record that can be read again comes without an event if it was sealed anew, or put right by hand. */
  const lookAtUnreadable = async (from: Session): Promise<void> => {
    const some = [...held.unreadable()].slice(0, ENTRIES_A_READ);
    for (const page of inPages(some)) {
      for (const { assistantId, text } of await currentRecords(from, names, page, recordsARead)) {
        const read = text === null ? undefined : readStanding(assistantId, text, false);
        if (read?.kind === 'opened') await applyOpened(read.opened);
        // The others come first next time.
        held.putLast(assistantId);
      }
    }
  };

  /**
   * The numbers of the stream after an entry. What is refused has none: else a forged event would stand for
   * the one that it hides.
   */
  const numbersAfter = (before: Place, read: Reading): Pick<Place, 'seq' | 'run'> => {
    if (read.kind === 'refused' || read.seq === undefined) return before;
    const { seq, run = before.run } = read;
    const isOtherRun = run !== before.run && before.run !== undefined;
    // Played again: nothing of it is new, and it may be anybody who put it there.
    if (
      read.kind === 'opened' &&
      !isOtherRun &&
      before.seq !== undefined &&
      seq <= before.seq &&
      read.opened.version <= held.version(read.opened.assistantId)
    )
      return before;
    if (isOtherRun) demand('other-redis');
    // If the numbers do not rise, Redis has forgotten some.
    else if (before.seq !== undefined && seq !== before.seq + 1)
      demand(seq > before.seq ? 'gap' : 'other-redis');
    return { seq, run };
  };

  const applyEntry = async (id: string, fields: readonly string[]): Promise<void> => {
    const read = readEvent(textOf(fields), entry!.reader);
    const { seq, run } = numbersAfter(reading!, read);
    reading = { id, seq, run };
    if (read.kind === 'consumer' && read.name === consumer) demand('changed');
    if (read.kind === 'refused') refuse(read.refusal);
    if (read.kind !== 'opened') {
      if ('claim' in read && read.claim) lookLater(read.claim);
      return;
    }
    const { assistantId, version } = read.opened;
    // Anybody can play it again: of one that cannot be read, only the current record ends that.
    if (held.unreadable().has(assistantId) && version <= held.version(assistantId))
      toLook.set(assistantId, version);
    else await applyOpened(read.opened);
  };

  /** Reads on in the stream, and applies what is there. Returns whether there may be more. */
  const readOn = async (from: Session, waitMs?: number): Promise<boolean> => {
    const sentMs = performance.now();
    const { id } = reading!;
    const { waiting } = from;
    const ask = (most: number) =>
      from.answer(
        waitMs === undefined
          ? waiting.xread('COUNT', most, 'STREAMS', names.events, id)
          : waiting.xread('COUNT', most, 'BLOCK', waitMs, 'STREAMS', names.events, id),
        { on: waiting, silentMs: ANSWER_WITHIN_MS + (waitMs ?? 0) },
      );
    const { answer: reply, isFull } = await entriesARead.read(ask, (answer) =>
      sizeOf(answer?.[0]?.[1] ?? []),
    );
    const answeredMs = performance.now();
    const entries = reply?.[0]?.[1] ?? [];
    const count = entries.length;
    for (const [entryId, fields] of entries) await applyEntry(entryId, fields);
    empty(entries);
    if (toLook.size > 0) await lookNow(from);
    // That there was nothing is true of the end of the wait at the earliest; of an answer with entries nobody
    // knows when it was made.
    const isAllUntilMs = count === 0 ? Math.min(sentMs + (waitMs ?? 0), answeredMs) : sentMs;
    if (!due) {
      position = reading!;
      if (count > 0) acknowledger.applied();
      if (!isFull) isProvenAt(isAllUntilMs);
    }
    return isFull;
  };

  // ---- the snapshot ----

  const demand = (reason: SnapshotReason): void => {
    const otherRedis = reason === 'other-redis';
    // What it had acknowledged counts for nothing in another Redis.
    if (otherRedis) position = NOWHERE;
    // Whoever can write to Redis can bring about gaps: they may not keep it busy with snapshots alone.
    const atMs = pace.notBeforeMs(performance.now());
    if (taking)
      next = { reason: next?.reason ?? reason, atMs, otherRedis: otherRedis || (next?.otherRedis ?? false) };
    else
      due = {
        reason: due?.reason ?? reason,
        atMs: due?.atMs ?? atMs,
        otherRedis: otherRedis || (due?.otherRedis ?? false),
      };
  };

  /** Where the stream ends now: at its last entry; or, where that was deleted, at the id that it had. */
  const endOfStream = async (of: Session): Promise<Place> => {
    const ask = (most: number) =>
      of.answer(Promise.all([streamOf(of), of.commands.xrevrange(names.events, '+', '-', 'COUNT', most)]));
    const [info, entries] = (await entriesAtEnd.read(ask, ([, last]) => sizeOf(last))).answer;
    const { lastId } = streamFacts(info) ?? { lastId: NOWHERE.id };
    const [last] = entries;
    if (!last || isBefore(last[0], lastId))
      return lastId === NOWHERE.id ? NOWHERE : { id: lastId, seq: undefined, run: undefined };
    const id = last[0];
    const read = entries
      .map(([, fields]) => readEvent(textOf(fields), entry!.reader))
      .find((one) => one.kind !== 'refused' && one.seq !== undefined);
    empty(entries);
    return { id, seq: read?.seq, run: isRunUnknown ? undefined : read?.run };
  };

  const takeSnapshot = async (from: Session, { reason, otherRedis }: Due): Promise<void> => {
    const beganMs = performance.now();
    const { orgs } = entry!;
    held.beginSnapshot();
    unapplied = { count: 0, first: [], last: [] };
    lowestAhead = Infinity;
    reading = await endOfStream(from);
    const all = orgs.includes('*') ? await from.answer(from.commands.smembers(names.orgs)) : orgs;
    for await (const page of publishedPages(from, names, all, recordsARead)) {
      for (const { assistantId, text } of page)
        if (text !== null) await applyStanding(assistantId, text, false);
      empty(page);
      // Between pages the service does its own work.
      await breathe();
    }
    for await (const page of uncertainPages(from, names)) {
      for (const { assistantId, text } of page)
        if (text !== null) await applyStanding(assistantId, text, true);
    }
    while (await readOn(from)) await breathe();
    await dropUnseen(from, otherRedis);
    for (const assistantId of held.endDoubts())
      if (isHeard('certain')) tell('certain', held.get(assistantId)!);
    const endedAtMs = performance.now();
    lastTaken = { endedAtMs, tookMs: endedAtMs - beganMs };
    pace.taken(endedAtMs, lastTaken.tookMs);
    isRunUnknown = false;
    tell('snapshot', { reason, keys: held.size, tookMs: lastTaken.tookMs });
  };

  /**
   * Those that are in no list of their org any more: deleted, moved, or not for this consumer. Each is looked
   * at before it is given up.
   */
  const dropUnseen = async (from: Session, otherRedis: boolean): Promise<void> => {
    for (const page of inPages(held.unseen())) {
      const standing = await currentRecords(
        from,
        names,
        page.map(({ assistantId }) => assistantId),
        recordsARead,
      );
      for (const [i, { assistantId, text }] of standing.entries()) {
        const { orgId } = page[i]!;
        const mayStill = mayRead(entry!, orgId);
        if (mayStill && text !== null) await applyStanding(assistantId, text, false);
        // A Redis that has lost its last seconds may have forgotten a key that is in force: Rekey compares
        // all with Invent then, and publishes it again.
        if (mayStill && text === null && otherRedis) held.see(assistantId);
      }
      await breathe();
    }
    for (const { assistantId, orgId } of held.unseen()) {
      const version = held.version(assistantId);
      held.remove(assistantId);
      tell('removed', { assistantId, orgId, version, removal: 'withdrawn' });
    }
  };

  // ---- who this is ----

  /** Reads the consumer's entry anew. Throws SubscribeError where it cannot be used. */
  const enrol = async (at: Session): Promise<void> => {
    const text = await at.answer(at.commands.hget(names.consumers, consumer));
    if (text === null)
      throw new SubscribeError(
        'NOT_REGISTERED',
        `no consumer ${JSON.stringify(consumer)} is known to Rekey: add it with: rekey consumer add ${consumer}`,
      );
    if (entry?.text === text) return;
    const { state, grant, orgs } = consumerOf(text);
    if (state !== 'ACTIVE' || grant === undefined) {
      throw new SubscribeError(
        'NOT_READY',
        `the consumer ${JSON.stringify(consumer)} is ${state}: ${state === 'PENDING' ? 'no worker of Rekey has made its grant yet' : 'what was published before is still being sealed for it'}`,
      );
    }
    const reader = await openGrant(grant, { consumer, ...ownKeys }).catch((error: unknown) => {
      throw new SubscribeError(
        'WRONG_KEY_FILE',
        `the key file is not the one of consumer ${JSON.stringify(consumer)}: ${error instanceof SealError ? error.message : 'the grant cannot be opened'}`,
      );
    });
    entry = { text, orgs, reader };
  };

  const consumerOf = (text: string): Consumer => {
    try {
      return Consumer.parse(JSON.parse(text));
    } catch {
      throw new SubscribeError(
        'NOT_READY',
        `the entry of the consumer ${JSON.stringify(consumer)} cannot be read: remove it, and add it again`,
      );
    }
  };

  const noteRevoked = ({ code, message }: SubscribeError): void => {
    const reason =
      code === 'NOT_REGISTERED'
        ? 'not-registered'
        : code === 'WRONG_KEY_FILE'
          ? 'wrong-key-file'
          : 'not-ready';
    if (revoked?.reason === reason) return;
    const isNew = !revoked;
    revoked = { reason, message, sinceMs: revoked?.sinceMs ?? performance.now() };
    tell('revoked', { reason, message });
    if (isNew) noteFreshness();
  };

  /** Takes the snapshot that is due, where this consumer is one that may. */
  const takeDue = async (from: Session): Promise<void> => {
    try {
      await enrol(from);
    } catch (error) {
      if (!(error instanceof SubscribeError) || (!ready && error.code !== 'NOT_READY')) throw error;
      if (ready) noteRevoked(error);
      lastFault = error;
      due!.atMs = performance.now() + (ready ? LOOK_AGAIN_MS : LOOK_AT_START_MS);
      return;
    }
    taking = true;
    const taken = due!;
    try {
      await takeSnapshot(from, revoked ? { ...taken, reason: 'reinstated' } : taken);
      // Only now is it known for how long it is to rest.
      due = next && { ...next, atMs: pace.notBeforeMs(performance.now()) };
    } catch (error) {
      // All is to do again.
      due = { ...taken, otherRedis: taken.otherRedis || (next?.otherRedis ?? false) };
      throw error;
    } finally {
      next = undefined;
      taking = false;
    }
    revoked = undefined;
    if (!due) position = reading!;
    if (!ready) onReady();
    acknowledger.applied();
    // The next read proves it; what is held is as of now, and complete.
    noteFreshness();
  };

  // ---- one session, and the next ----

  /** Whether it is the same Redis as before, with the same stream. */
  const recognise = async (at: Session): Promise<void> => {
    const [[info, time], stream] = await at.answer(
      Promise.all([at.commands.pipeline().info('server').time().exec().then(repliesOf), streamOf(at)]),
    );
    const factOf = (field: string) =>
      typeof info === 'string' ? new RegExp(`^${field}:(\\S+)`, 'm').exec(info)?.[1] : undefined;
    const unfit = unfitRedis(factOf);
    if (unfit !== undefined)
      throw new SubscribeError('REDIS_REFUSED', `what answers at the address of Redis ${unfit}`);
    if (isReply(time)) throw time;
    clock.set(time);
    // A user of Redis who may not ask learns it from the run of the next event.
    const found = factOf('run_id');
    if (runId !== undefined && found !== undefined && found !== runId) {
      isRunUnknown = true;
      demand('other-redis');
    }
    runId = found ?? runId;
    if (reading) compareStream(stream, reading);
  };
  const streamOf = async (at: Session): Promise<unknown> =>
    repliesOf(await at.commands.pipeline().xinfo('STREAM', names.events).exec())[0];

  /** `asked`: where it had read to when Redis was asked. */
  const compareStream = (info: unknown, asked: Place): void => {
    // Where there is no stream, Redis says ERR; anything else says nothing of it.
    if (isReply(info) && replyCode(info) !== 'ERR') return;
    const { lastId, lastEntryId } = streamFacts(info) ?? { lastId: NOWHERE.id, lastEntryId: NOWHERE.id };
    if (isBefore(lastId, asked.id)) demand('other-redis');
    // There were entries that it has not read, and are none now. Where some are left, the number of the first
    // tells.
    else if (isBefore(reading!.id, lastId) && !isBefore(reading!.id, lastEntryId)) demand('trimmed');
  };

  /**
   * A sign of life, and a look at what no event tells: done every few seconds, also while a snapshot is
   * taken.
   */
  const watch = async (at: Session): Promise<void> => {
    const [asked, taken] = [reading, lastTaken];
    const replies = await at.answer(
      at.commands.pipeline().xinfo('STREAM', names.events).hget(names.consumers, consumer).time().exec(),
    );
    const [info, text, time] = repliesOf(replies);
    if (Array.isArray(time)) clock.set(time);
    // The clock of Redis was behind, and has been set.
    if (lowestAhead < Infinity && !taking && !due && !clock.isAbsurd(lowestAhead)) demand('clock');
    if (asked && !taking && taken === lastTaken) compareStream(info, asked);
    if (!isReply(text) && entry && text !== entry.text && !due) demand('changed');
    if (ready && !taking) await lookAtUnreadable(at);
    acknowledger.beat();
  };

  const follow = async (at: Session, onProgress: () => void): Promise<void> => {
    await recognise(at);
    if (!reading && !due) demand('start');
    let isWatching = false;
    const watchOnce = async (): Promise<void> => {
      // Its answer has whole entries of the stream: on a slow network it may take longer than until the next
      // one.
      if (isWatching) return;
      isWatching = true;
      await watch(at).catch((error: Error) => at.end(error));
      isWatching = false;
    };
    const watching = setInterval(() => void watchOnce(), Math.min(leaseMs / 3, LONGEST_WATCH_MS));
    try {
      for (;;) {
        const leftMs = due ? due.atMs - performance.now() : WAIT_MS;
        if (due && leftMs <= 0) await takeDue(at);
        else if (!ready) await sleep(leftMs, undefined, { signal: closing.signal });
        // What has waited since before an outage proves nothing of now.
        else if (!due && performance.now() - provenMs > staleAfterMs) await readOn(at);
        // A wait of 0 would be one for ever.
        else await readOn(at, Math.ceil(Math.min(leftMs, WAIT_MS)));
        if (ready) onProgress();
      }
    } finally {
      clearInterval(watching);
    }
  };

  const run = async (): Promise<void> => {
    let tries = 0;
    while (!closing.signal.aborted) {
      let at: Session | undefined;
      try {
        at = await openSession(connect, closing.signal, () => {
          if (session === at) session = undefined;
        });
        session = at;
        await follow(at, () => {
          tries = 0;
          lastFault = undefined;
        });
      } catch (error) {
        if (closing.signal.aborted) return;
        lastFault = error;
        if (!ready && isFinal(error)) return onFailure(error);
      } finally {
        at?.end();
      }
      const pauseMs = Math.min(50 * 2 ** Math.min(tries, 6), 2000) * (0.75 + Math.random() / 2);
      tries += 1;
      await sleep(pauseMs, undefined, { signal: closing.signal }).catch(() => {});
    }
  };

  let onReady = (): void => {};
  let onFailure = (_error: unknown): void => {};
  let running: Promise<void> | undefined;
  let ticking: NodeJS.Timeout | undefined;

  /** Why it has not become ready in the time. */
  const failure = (): SubscribeError => {
    if (lastFault instanceof SubscribeError) return lastFault;
    return new SubscribeError('REDIS_AWAY', `Redis was not within reach for ${settings.readyTimeoutMs} ms`, {
      cause: lastFault,
    });
  };

  let closed: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    clearInterval(ticking);
    const late = new AbortController();
    await Promise.race([
      acknowledger.leave(),
      sleep(LEAVE_WITHIN_MS, undefined, { signal: late.signal }).catch(() => {}),
    ]);
    late.abort();
    closing.abort();
    session?.end();
    await running;
    held.clear();
  };

  return {
    start: async () => {
      const beganMs = performance.now();
      await new Promise<void>((resolve, reject) => {
        onReady = () => {
          ready = true;
          provenMs = Math.max(provenMs, lastTaken.endedAtMs - lastTaken.tookMs);
          resolve();
        };
        onFailure = (error) => reject(finalError(error));
        ticking = setInterval(
          () => {
            noteFreshness();
            if (!ready && !taking && performance.now() - beganMs > settings.readyTimeoutMs) reject(failure());
          },
          Math.min(250, settings.readyTimeoutMs),
        );
        closing.signal.addEventListener('abort', () =>
          reject(new SubscribeError('CLOSED', 'it was closed before it was ready')),
        );
        running = run();
      });
    },
    freshness,
    unapplied: () => ({
      count: unapplied.count + held.unreadable().size,
      last: [...unreadable(), ...unapplied.last].slice(-UNAPPLIED_REPORTED),
    }),
    refused: () => ({ count: refused.count, first: [...refused.first] }),
    close: () => (closed ??= close()),
  };
};

/** The text of a stream entry's field `event`. */
const textOf = (fields: readonly string[]): string | null => {
  const at = fields.indexOf('event');
  return at % 2 === 0 ? (fields[at + 1] ?? null) : null;
};

const sizeOf = (entries: readonly [string, readonly string[]][]): { count: number; chars: number } => ({
  count: entries.length,
  chars: entries.reduce((sum, [, fields]) => sum + (textOf(fields)?.length ?? 0), 0),
});

/** What no waiting mends. */
const isFinal = (error: unknown): boolean =>
  error instanceof SubscribeError ? !error.retry : isReply(error) && refusals.has(replyCode(error));
const refusals = new Set(['NOAUTH', 'WRONGPASS', 'NOPERM']);
const finalError = (error: unknown): unknown =>
  isReply(error)
    ? new SubscribeError('REDIS_REFUSED', `Redis refuses this service: ${error.message}`, { cause: error })
    : error;

/** What Redis has answered to each command: also an error, of its own; but not that it could not be asked. */
const repliesOf = (replies: [Error | null, unknown][] | null): unknown[] =>
  (replies ?? []).map(([error, reply]) => {
    if (error && !isReply(error)) throw error;
    return error ?? reply;
  });

/**
 * Of XINFO STREAM; undefined where there is no stream. XTRIM leaves `max-deleted-entry-id` as it is: what is
 * missing shows in the last entry.
 */
const streamFacts = (info: unknown): { lastId: string; lastEntryId: string } | undefined => {
  if (!Array.isArray(info)) return undefined;
  const fact = (name: string): unknown => info[info.indexOf(name) + 1];
  const last = fact('last-entry');
  return {
    lastId: String(fact('last-generated-id')),
    lastEntryId: Array.isArray(last) ? String(last[0]) : NOWHERE.id,
  };
};
