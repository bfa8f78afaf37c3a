import { setTimeout as sleep } from 'node:timers/promises';
import { ReplyTooLarge, type Acknowledgement } from '@rekey/schema';
import type { Freshness, Refusal } from '../keys.ts';
import type { Listeners } from '../listeners.ts';
import type { Settings, SubscribeOptions } from '../options.ts';
import type { OwnKeys } from '../own-keys.ts';
import { createRedisClock, type RedisClock } from '../redis/redis-clock.ts';
import { createRecords } from '../records/apply-records.ts';
import type { HeldKeys } from '../held/held-keys.ts';
import { createRecordChecks } from '../records/record-checks.ts';
import { OutrunKeys } from '../records/outrun-keys.ts';
import { createRefusals, type Refusals } from '../records/refusals.ts';
import { UnsealedRecords } from '../records/unsealed-records.ts';
import { EntryTooLong, type Sent, type Session, type Source } from '../source/source.ts';
import { SubscribeError } from '../subscribe-error.ts';
import { createAcknowledger } from '../gate/acknowledger.ts';
import { followSession, type FollowDeps } from './follow-session.ts';
import { createFreshnessReport } from './freshness.ts';
import { createGate, type Gate } from '../gate/gate.ts';
import { createSnapshotSchedule } from './snapshot-schedule.ts';
import { createState, type FollowState } from './state.ts';
import { createStream } from './stream.ts';

interface FollowerDeps {
  settings: Settings;
  ownKeys: OwnKeys;
  held: HeldKeys;
  source: Source;
  listeners: Listeners;
  beforeAcknowledge: SubscribeOptions['beforeAcknowledge'];
}

/** Keeps the held keys in step with Redis, across outages and changes of Redis. */
export interface Follower {
  /**
   * Resolves when the first snapshot has been taken and later events have been applied. Rejects with
   * SubscribeError. With `restoredProvenMs`, the held keys were complete at that time (`performance.now()`),
   * and it resolves at once.
   */
  start(restoredProvenMs?: number): Promise<void>;
  freshness(): Freshness;
  unapplied(): { count: number; last: readonly Refusal[] };
  refused(): { count: number; first: readonly Refusal[] };
  close(): Promise<void>;
}

const LEAVE_WITHIN_MS = 1000;
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 2000;
/** Each try makes Redis send as much as one reply may have. */
const LONGEST_PAUSE_IF_TOO_LONG_MS = 10_000;
const MAX_DOUBLINGS = 8;
const TICK_MS = 250;

export const createFollower = (deps: FollowerDeps): Follower => {
  const { settings, held, source } = deps;
  const closing = new AbortController();
  const start = { onReady: () => {}, onFailure: (_error: unknown) => {} };
  const parts = createParts(deps, closing.signal, () => start.onReady());
  const { state, schedule, freshness, refusals, acknowledger } = parts;
  let running: Promise<void> | undefined;
  let ticking: NodeJS.Timeout | undefined;
  let closed: Promise<void> | undefined;

  /** Ends the start if it takes too long, and reports staleness while nothing happens. */
  const tick = (deadlineMs: number) => {
    freshness.update();
    if (!state.ready && !schedule.isTaking && performance.now() > deadlineMs)
      start.onFailure(notReady(source, state.fault, settings.readyTimeoutMs));
  };
  const close = async (): Promise<void> => {
    clearInterval(ticking);
    const late = new AbortController();
    await Promise.race([
      acknowledger.leave(),
      sleep(LEAVE_WITHIN_MS, undefined, { signal: late.signal }).catch(() => {}),
    ]);
    late.abort();
    closing.abort();
    state.session?.end();
    await running;
    held.clear();
  };

  return {
    start: async (restoredProvenMs) => {
      if (restoredProvenMs !== undefined) {
        freshness.restoredAt(restoredProvenMs);
        Object.assign(state, { ready: true, restored: true });
      }
      const deadlineMs = performance.now() + settings.readyTimeoutMs;
      await new Promise<void>((resolve, reject) => {
        start.onReady = () => {
          state.ready = true;
          freshness.provenAt(schedule.lastTaken.endedAtMs - schedule.lastTaken.tookMs);
          resolve();
        };
        start.onFailure = (error) => reject(source.refusalOf(error) ?? error);
        ticking = setInterval(() => tick(deadlineMs), Math.min(TICK_MS, settings.readyTimeoutMs));
        closing.signal.addEventListener('abort', () =>
          reject(new SubscribeError('CLOSED', 'it was closed before it was ready')),
        );
        running = follow(parts, source, (error) => start.onFailure(error));
        if (state.restored) resolve();
      });
    },
    freshness: freshness.now,
    unapplied: refusals.unapplied,
    refused: refusals.refused,
    close: () => (closed ??= close()),
  };
};

const createParts = (
  { settings, ownKeys, held, listeners, beforeAcknowledge }: FollowerDeps,
  closing: AbortSignal,
  onReady: () => void,
): FollowDeps => {
  const state = createState();
  const clock = createRedisClock();
  const schedule = createSnapshotSchedule(state);
  const freshness = createFreshnessReport(state, schedule, settings.staleAfterMs, listeners);
  const unsealed = new UnsealedRecords();
  const outrun = new OutrunKeys();
  const refusals = createRefusals({ held, unsealed, outrun, listeners });
  const records = createRecords({ state, clock, held, unsealed, outrun, refusals, listeners });
  const checks = createRecordChecks({ state, clock, held, unsealed, outrun, records, refusals });
  const reports = createAcknowledger(
    () => acknowledgementOf(state, settings, clock, held, refusals, gate),
    (ack) => sendAcknowledgement(state, ack),
  );
  const gate = createGate(state, beforeAcknowledge, reports.applied, closing);
  const acknowledger = {
    ...reports,
    applied: () => {
      gate.check();
      reports.applied();
    },
  };
  const stream = createStream({
    state,
    clock,
    consumer: settings.consumer,
    held,
    unsealed,
    outrun,
    records,
    checks,
    refusals,
    schedule,
    freshness,
    onApplied: acknowledger.applied,
  });
  const dependencies = { settings, ownKeys, held, listeners, closing, onReady };
  const kept = { refusals, records, unsealed, outrun, checks };
  const parts = { state, clock, schedule, freshness, ...kept, acknowledger, stream };
  return { ...dependencies, ...parts };
};

const acknowledgementOf = (
  state: FollowState,
  { consumer, leaseMs }: Settings,
  clock: RedisClock,
  held: HeldKeys,
  refusals: Refusals,
  gate: Gate,
): Acknowledgement | undefined => {
  const { ready, revoked, restored, session, recognised, instance, enrolment } = state;
  if (!ready || restored || revoked || !session || !enrolment) return undefined;
  // It may be another Redis, where the position has no meaning.
  if (session !== recognised) return undefined;
  state.acknowledgements += 1;
  const reported = refusals.report();
  return {
    consumer,
    instance,
    lease_ms: leaseMs,
    keys: held.size,
    ...reported,
    ...gate.report(reported.unapplied),
    number: state.acknowledgements,
    sent_ms: clock.nowMs(),
    leaving: false,
    kid: enrolment.recipient.kid,
  };
};

/** Signs it, unless Rekey is an earlier one, which expects no signature. */
const sendAcknowledgement = async (state: FollowState, ack: string): Promise<Sent> => {
  const { session, enrolment } = state;
  if (!session) throw new Error('there is no session');
  try {
    const sent = await session.acknowledge(ack, enrolment?.sign?.(ack));
    if (sent === 'added') state.acknowledging = true;
    return sent;
  } catch (error) {
    state.acknowledging = false;
    throw error;
  }
};

/** Follows one session after the other until it is closed, or fails before it is ready. */
const follow = async (
  deps: FollowDeps,
  source: Source,
  onFailure: (error: unknown) => void,
): Promise<void> => {
  const { state, closing } = deps;
  let tries = 0;
  while (!closing.aborted) {
    let at: Session | undefined;
    try {
      at = await source.open(closing, () => {
        if (state.session === at) state.session = undefined;
      });
      state.session = at;
      await followSession(deps, at, () => {
        tries = 0;
        state.fault = undefined;
      });
    } catch (error) {
      if (closing.aborted) return;
      state.fault = error;
      if (!state.ready && isFinal(source, error)) return onFailure(error);
    } finally {
      at?.end();
    }
    const isTooLong = state.fault instanceof ReplyTooLarge || state.fault instanceof EntryTooLong;
    const longestMs = isTooLong ? LONGEST_PAUSE_IF_TOO_LONG_MS : LONGEST_PAUSE_MS;
    const pauseMs = Math.min(FIRST_PAUSE_MS * 2 ** Math.min(tries, MAX_DOUBLINGS), longestMs);
    tries += 1;
    const jitter = 0.75 + Math.random() / 2;
    await sleep(pauseMs * jitter, undefined, { signal: closing }).catch(() => {});
  }
};

/** Why the follower did not become ready in time. */
const notReady = (source: Source, fault: unknown, readyTimeoutMs: number): SubscribeError =>
  fault instanceof SubscribeError ? fault : source.away(readyTimeoutMs, fault);

/** Whether no retry can succeed. */
const isFinal = (source: Source, error: unknown): boolean =>
  error instanceof SubscribeError ? !error.retry : source.refusalOf(error) !== undefined;
