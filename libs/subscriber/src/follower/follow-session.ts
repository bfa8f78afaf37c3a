import { setTimeout as sleep } from 'node:timers/promises';
import { orgsDigest } from '@rekey/schema';
import type { Listeners } from '../listeners.ts';
import type { Settings } from '../options.ts';
import type { OwnKeys } from '../own-keys.ts';
import type { RedisClock } from '../redis/redis-clock.ts';
import type { Records } from '../records/apply-records.ts';
import type { HeldKeys } from '../held/held-keys.ts';
import type { RecordChecks } from '../records/record-checks.ts';
import type { Refusals } from '../records/refusals.ts';
import type { OutrunKeys } from '../records/outrun-keys.ts';
import type { UnsealedRecords } from '../records/unsealed-records.ts';
import type { Session } from '../source/source.ts';
import { SubscribeError } from '../subscribe-error.ts';
import type { Acknowledger } from '../gate/acknowledger.ts';
import { readEnrolment, revocationOf, withAcknowledgementsOf } from './enrolment.ts';
import type { FreshnessReport } from './freshness.ts';
import { takeSnapshot } from './snapshot.ts';
import type { SnapshotSchedule } from './snapshot-schedule.ts';
import type { FollowState } from './state.ts';
import type { Stream } from './stream.ts';

export interface FollowDeps {
  settings: Settings;
  ownKeys: OwnKeys;
  state: FollowState;
  clock: RedisClock;
  held: HeldKeys;
  unsealed: UnsealedRecords;
  outrun: OutrunKeys;
  records: Records;
  checks: RecordChecks;
  refusals: Refusals;
  schedule: SnapshotSchedule;
  stream: Stream;
  freshness: FreshnessReport;
  acknowledger: Acknowledger;
  listeners: Listeners;
  /** Aborts when the follower is closed. */
  closing: AbortSignal;
  /** Called after the first snapshot. */
  onReady(): void;
}

/** The longest wait of one read for events. After a wait without events, their absence is proven again. */
const WAIT_MS = 500;
const RECHECK_ENTRY_MS = 1000;
const RECHECK_ENTRY_AT_START_MS = 200;
const LONGEST_WATCH_INTERVAL_MS = 3000;

/** Takes due snapshots and reads the stream until the session ends. Always rejects. */
export const followSession = async (
  deps: FollowDeps,
  at: Session,
  onProgress: () => void,
): Promise<never> => {
  const { state, schedule, stream, freshness, settings } = deps;
  await recognise(deps, at);
  state.recognised = at;
  if (!state.reading && !schedule.due) schedule.demand('start');
  const stopWatching = startWatching(deps, at);
  try {
    for (;;) {
      const leftMs = schedule.due ? schedule.due.atMs - performance.now() : WAIT_MS;
      if (schedule.due && leftMs <= 0) await takeDueSnapshot(deps, at);
      else if (!state.ready || !state.reading) await sleep(leftMs, undefined, { signal: deps.closing });
      // Entries that have waited since before an outage prove nothing about the present.
      else if (!schedule.due && performance.now() - freshness.provenMs > settings.staleAfterMs)
        await stream.read(at);
      // BLOCK 0 would wait forever.
      else await stream.read(at, Math.ceil(Math.min(leftMs, WAIT_MS)));
      if (state.ready) onProgress();
    }
  } finally {
    stopWatching();
  }
};

/** Checks whether this is a supported Redis, the same one as before, and the same stream. */
const recognise = async ({ state, clock, schedule, stream }: FollowDeps, at: Session): Promise<void> => {
  const { time, runId: found, facts } = await at.recognise();
  clock.set(time);
  if (state.runId !== undefined && found !== undefined && found !== state.runId) {
    state.isRunUnknown = true;
    schedule.demand('other-redis');
  }
  state.runId = found ?? state.runId;
  if (state.reading) stream.compare(facts, state.reading);
};

/** Takes the due snapshot if this consumer is enrolled. */
const takeDueSnapshot = async (deps: FollowDeps, from: Session): Promise<void> => {
  const { state, schedule, settings } = deps;
  try {
    state.enrolment = await readEnrolment(from, settings.consumer, deps.ownKeys, state.enrolment);
  } catch (error) {
    if (!(error instanceof SubscribeError) || (!state.ready && error.code !== 'NOT_READY')) throw error;
    if (state.ready) markRevoked(deps, error);
    state.fault = error;
    schedule.postpone(state.ready ? RECHECK_ENTRY_MS : RECHECK_ENTRY_AT_START_MS);
    return;
  }
  // Keys of other orgs are dropped: what was applied before no longer says what is held.
  const orgs = orgsDigest(state.enrolment.orgs);
  if (state.appliedOrgs !== orgs) state.appliedOrgs = undefined;
  await schedule.take((due) =>
    takeSnapshot(deps, from, state.revoked ? { ...due, reason: 'reinstated' } : due),
  );
  state.revoked = undefined;
  if (!schedule.due && state.aheadId === undefined) {
    state.position = state.reading!;
    state.appliedOrgs = orgs;
  }
  state.restored = false;
  if (!state.ready) deps.onReady();
  deps.acknowledger.applied();
  // The held keys are complete as of now. The next read proves it.
  deps.freshness.update();
};

const markRevoked = ({ state, freshness, listeners }: FollowDeps, error: SubscribeError): void => {
  const revocation = revocationOf(error);
  if (state.revoked?.reason === revocation.reason) return;
  const isNew = !state.revoked;
  state.revoked = { ...revocation, sinceMs: state.revoked?.sinceMs ?? performance.now() };
  listeners.emit('revoked', revocation);
  if (isNew) freshness.update();
};

/** Watches every few seconds, also while a snapshot is taken. Returns what stops it. */
const startWatching = (deps: FollowDeps, at: Session): (() => void) => {
  let isWatching = false;
  const watchOnce = async (): Promise<void> => {
    // The answer contains whole stream entries. On a slow network it may take longer than the interval.
    if (isWatching) return;
    isWatching = true;
    await watch(deps, at).catch((error: Error) => at.end(error));
    isWatching = false;
  };
  const watching = setInterval(
    () => void watchOnce(),
    Math.min(deps.settings.leaseMs / 3, LONGEST_WATCH_INTERVAL_MS),
  );
  return () => clearInterval(watching);
};

/** Follows a change of the entry. What says how acknowledgements are verified needs no snapshot. */
const followEntry = ({ state, schedule }: FollowDeps, text: string | null): void => {
  const same = text !== null && withAcknowledgementsOf(state.enrolment!, text);
  if (same) state.enrolment = same;
  else schedule.demand('changed');
};

/** Sends a sign of life, and checks what no event announces. */
const watch = async (deps: FollowDeps, at: Session): Promise<void> => {
  const { state, clock, records, schedule, stream } = deps;
  const [asked, taken] = [state.reading, schedule.lastTaken];
  const { time, entry, facts } = await at.watch();
  if (time) clock.set(time);
  if (!schedule.isTaking && !schedule.due && records.hasClockCaughtUp()) schedule.demand('clock');
  if (asked && !schedule.isTaking && taken === schedule.lastTaken) stream.compare(facts, asked);
  const hasChanged = entry !== undefined && state.enrolment && entry !== state.enrolment.text;
  if (hasChanged && !schedule.due) followEntry(deps, entry);
  if (state.ready && state.enrolment && !schedule.isTaking) await deps.checks.retryUnreadable(at);
  deps.acknowledger.beat();
};
