import { setTimeout as sleep } from 'node:timers/promises';
import type { Acknowledgement } from '@rekey/schema';
import type { Applied } from '../options.ts';
import type { FollowState } from '../follower/state.ts';

/**
 * Stands in front of the position that is acknowledged: a service may have to write a file first, or wait for
 * a command. Signs of life continue meanwhile, with the position that was last acknowledged.
 */
export interface Gate {
  /** Begins a run, if anything was applied since the last one. */
  check(): void;
  /** What an acknowledgement says of the progress, and of the last run if it failed. */
  report(unapplied: Acknowledgement['unapplied']): GateReport;
}

interface GateReport extends Pick<Acknowledgement, 'position' | 'seq' | 'unapplied'> {
  orgs_sha256: string;
}

const FIRST_RETRY_MS = 250;
const LONGEST_RETRY_MS = 5000;
const MAX_WHY = 200;
const MAX_REPORTED = 20;

/** Without `before`, everything that is applied is acknowledged. `onReport`: there is something to report. */
export const createGate = (
  state: FollowState,
  before: ((applied: Applied) => Promise<void>) | undefined,
  onReport: () => void,
  closing: AbortSignal,
): Gate => {
  let isRunning = false;
  let failure: string | undefined;

  const isBehind = (): boolean =>
    state.ready &&
    !state.restored &&
    (state.confirmed.position !== state.position || state.confirmed.appliedOrgs !== state.appliedOrgs);

  const runOnce = async (): Promise<void> => {
    const { position, appliedOrgs, confirmed } = state;
    await before!({ position: position.id, seq: position.seq ?? 0 });
    failure = undefined;
    // Another Redis was found meanwhile: the position has no meaning there.
    if (state.confirmed === confirmed) state.confirmed = { position, appliedOrgs };
  };
  const run = async (): Promise<void> => {
    isRunning = true;
    for (let retryMs = FIRST_RETRY_MS; !closing.aborted && isBehind();) {
      try {
        await runOnce();
        retryMs = FIRST_RETRY_MS;
        onReport();
      } catch (error) {
        failure = whyOf(error);
        onReport();
        await sleep(retryMs, undefined, { signal: closing }).catch(() => {});
        retryMs = Math.min(2 * retryMs, LONGEST_RETRY_MS);
      }
    }
    isRunning = false;
  };

  return {
    check: () => {
      if (before && !isRunning && isBehind()) void run();
    },
    report: (unapplied) => {
      const { position, appliedOrgs } = before ? state.confirmed : state;
      return {
        position: position.id,
        seq: position.seq ?? 0,
        unapplied: failure === undefined ? unapplied : withFailure(unapplied, failure),
        // Until a snapshot for the orgs of today has ended, nothing was applied by these.
        orgs_sha256: (state.appliedOrgs === undefined ? undefined : appliedOrgs) ?? '',
      };
    },
  };
};

const whyOf = (error: unknown): string =>
  (error instanceof Error && error.message !== '' ? error.message : 'it was not carried out').slice(
    0,
    MAX_WHY,
  );

const withFailure = (
  { count, first }: Acknowledgement['unapplied'],
  why: string,
): Acknowledgement['unapplied'] => ({
  count: count + 1,
  first: [{ assistant_id: '', version: 0, why }, ...first].slice(0, MAX_REPORTED),
});
