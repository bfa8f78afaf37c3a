import { ApiKey, ProxyVariableError, parseBaseUrl, proxyFor } from '@rekey/invent';
import { refineWorkerVariables, workerVariables } from '@rekey/runtime';
import { z } from 'zod';
import { leaseMs, windowMs, type RotateTiming } from './rotation/timing.ts';

export const WorkerEnvironment = z
  .object({
    ...workerVariables,
    INVENT_API_KEY: ApiKey.optional(),
    REKEY_KEY_FILE: z.string(),
  })
  .superRefine(refineWorkerVariables)
  .superRefine((env, ctx) => {
    const complain = (name: string, message: string) =>
      ctx.addIssue({ code: 'custom', path: [name], message });
    if (!env.INVENT_API_KEY && !env.INVENT_API_KEY_FILE && !env.INVENT_API_KEYS_FILE)
      complain('INVENT_API_KEY', 'is required, or INVENT_API_KEYS_FILE or INVENT_API_KEY_FILE');
    try {
      proxyFor(parseBaseUrl(env.INVENT_BASE_URL, env.INVENT_PLAIN_HTTP_HOSTS), env);
    } catch (error) {
      if (error instanceof ProxyVariableError) return complain(error.variable, error.message);
      complain('INVENT_BASE_URL', error instanceof z.ZodError ? 'must be a URL' : (error as Error).message);
    }
  });
export type WorkerEnvironment = z.infer<typeof WorkerEnvironment>;

/** Every time-out and interval that follows from the environment, in ms. */
export interface WorkerTiming {
  rotation: RotateTiming;
  /** How long a claim keeps other workers away. */
  claimLeaseMs: number;
  /** How long after a claim its POST may still take effect, or a read may still not show it. */
  landsWithinMs: number;
  /** The work of a worker that died is taken over after this time. */
  takeoverAfterMs: number;
  /** The same for a check, which may wait for one answer of Invent. */
  checkTakeoverAfterMs: number;
  /** The same for a sweep, which renews its lease after a page and its checks. */
  sweepTakeoverAfterMs: number;
  /** No job is delayed longer: for a landing window, or for a pause of a minute with jitter. */
  longestDelayMs: number;
  clock: ClockBounds;
}

interface ClockBounds {
  /**
   * By how much the clock of Redis may be off before that counts as a jump: much less than a landing window.
   */
  toleranceMs: number;
  /**
   * A clock that stays where it jumped to is trusted after this time, when every window and lease of before
   * the jump has ended by any clock.
   */
  settleMs: number;
}

type TimingVariables = Pick<
  WorkerEnvironment,
  | 'INVENT_TIMEOUT_MS'
  | 'REKEY_LANDING_WINDOW_MS'
  | 'REKEY_READ_LAG_MS'
  | 'REKEY_TAKEOVER_AFTER_MS'
  | 'REKEY_CONFIRM_AFTER_MS'
  | 'REKEY_RETRY_FOR_MS'
>;

const CHECKS_TAKE_ANSWERS = 4;
const LONGEST_PAUSE_MS = 2 * 60_000;

export const workerTiming = (config: TimingVariables): WorkerTiming => {
  const takeoverAfterMs = config.REKEY_TAKEOVER_AFTER_MS;
  const rotation: RotateTiming = {
    requestTimeoutMs: config.INVENT_TIMEOUT_MS,
    sendWithinMs: takeoverAfterMs / 6,
    leaseMarginMs: takeoverAfterMs / 3,
    landingWindowMs: config.REKEY_LANDING_WINDOW_MS,
    confirmAfterMs: config.REKEY_CONFIRM_AFTER_MS,
    readLagMs: config.REKEY_READ_LAG_MS,
    retryForMs: config.REKEY_RETRY_FOR_MS,
  };
  const landsWithinMs = windowMs(rotation);
  return {
    rotation,
    claimLeaseMs: leaseMs(rotation),
    landsWithinMs,
    takeoverAfterMs,
    checkTakeoverAfterMs: config.INVENT_TIMEOUT_MS + takeoverAfterMs,
    sweepTakeoverAfterMs: CHECKS_TAKE_ANSWERS * config.INVENT_TIMEOUT_MS + takeoverAfterMs,
    longestDelayMs: landsWithinMs + LONGEST_PAUSE_MS,
    clock: clockBounds(config),
  };
};

const LONGEST_TOLERANCE_MS = 10_000;
const SHORTEST_TOLERANCE_MS = 2000;
const SHORTEST_SETTLING_MS = 180_000;
const SETTLING_MARGIN_MS = 30_000;

const clockBounds = (config: TimingVariables): ClockBounds => {
  const windowsMs =
    config.INVENT_TIMEOUT_MS +
    config.REKEY_LANDING_WINDOW_MS +
    config.REKEY_READ_LAG_MS +
    config.REKEY_TAKEOVER_AFTER_MS;
  return {
    toleranceMs: Math.min(
      Math.max(config.REKEY_LANDING_WINDOW_MS / 4, SHORTEST_TOLERANCE_MS),
      LONGEST_TOLERANCE_MS,
    ),
    settleMs: Math.max(windowsMs + SETTLING_MARGIN_MS, SHORTEST_SETTLING_MS),
  };
};

/** How many intents of all orgs may be open: never so few that one org could have them all. */
export const maxUnknownsInAll = (
  config: Pick<WorkerEnvironment, 'REKEY_MAX_UNKNOWNS' | 'REKEY_MAX_UNKNOWNS_IN_ALL'>,
): number => Math.max(config.REKEY_MAX_UNKNOWNS_IN_ALL, 2 * config.REKEY_MAX_UNKNOWNS);

/** How many rotations are in progress at once: first deliveries, bulk rotations as many, and follow-ups. */
interface WorkerConcurrency {
  first: number;
  followUps: number;
  /** Connections to Invent: one for each of them. */
  connections: number;
}

export const workerConcurrency = ({
  WORKER_CONCURRENCY: first,
}: Pick<WorkerEnvironment, 'WORKER_CONCURRENCY'>): WorkerConcurrency => {
  const followUps = Math.ceil(first / 4);
  return { first, followUps, connections: 2 * first + followUps };
};
