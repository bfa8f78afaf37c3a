import type { Freshness } from '../keys.ts';
import type { Listeners } from '../listeners.ts';
import type { SnapshotSchedule } from './snapshot-schedule.ts';
import type { FollowState } from './state.ts';

/** How far behind Redis the held keys may be. By a clock that does not jump. */
export interface FreshnessReport {
  now(): Freshness;
  /** Emits `stale` or `fresh` if that has changed. */
  update(): void;
  /** Everything that was published until this time (`performance.now()`) has been applied. */
  provenAt(ms: number): void;
  /** The held keys are those of an earlier process, complete at this time, and stale: `fresh` is next. */
  restoredAt(ms: number): void;
  /** The time that was last proven. */
  readonly provenMs: number;
}

export const createFreshnessReport = (
  state: FollowState,
  schedule: SnapshotSchedule,
  staleAfterMs: number,
  listeners: Listeners,
): FreshnessReport => {
  let provenMs = -Infinity;
  let reportedStale = false;

  const now = (): Freshness => {
    const nowMs = performance.now();
    const { revoked, restored, session, position, acknowledging, instance, fault } = state;
    const behindMs = nowMs - provenMs;
    const staleMs = Math.max(
      behindMs - staleAfterMs,
      revoked ? nowMs - revoked.sinceMs : -Infinity,
      restored ? behindMs : -Infinity,
    );
    return {
      upToDate: staleMs < 0,
      behindMs,
      staleForMs: staleMs < 0 ? undefined : staleMs,
      connected: session !== undefined,
      snapshotDue: schedule.due?.reason,
      revoked: revoked !== undefined,
      restored,
      acknowledging,
      position: position.id,
      seq: position.seq ?? 0,
      instance,
      fault: (fault as Partial<Error> | undefined)?.message,
    };
  };
  const update = (): void => {
    const current = now();
    if (!state.ready || current.upToDate !== reportedStale) return;
    reportedStale = !current.upToDate;
    listeners.emit(reportedStale ? 'stale' : 'fresh', current);
  };

  return {
    now,
    update,
    provenAt: (ms) => {
      provenMs = Math.max(provenMs, ms);
      update();
    },
    restoredAt: (ms) => {
      provenMs = ms;
      reportedStale = true;
    },
    get provenMs() {
      return provenMs;
    },
  };
};
