import type { RequestBudget } from '@rekey/ledger';
import type { Logger } from '@rekey/runtime';
import { systemClock, type Clock } from '../shared/clock.ts';
import { every } from '../shared/every.ts';

interface BudgetWatchOptions {
  budget: Pick<RequestBudget, 'slowDown' | 'noteClosed' | 'isClosed' | 'answered'>;
  /** Requests take slots of the budget. Without a limit, a refusal is only recorded. */
  limited: boolean;
  logger: Logger;
  clock?: Pick<Clock, 'nowMs'>;
}

export interface BudgetWatch {
  /**
   * Upstream has refused a request as too frequent (429). `retryAfterNote` says why the pause is not the one
   * that upstream asked for.
   */
  refused(request: { ageMs: number; retryAfterMs?: number; retryAfterNote?: 'unreadable' | 'bounded' }): void;
  /** Upstream has given another answer. */
  answered(request: { ageMs: number }): void;
  close(): Promise<void>;
}

const POLL_EVERY_MS = 1000;

/**
 * Closes the request budget when upstream refuses a request. Opens it when upstream answers a request that
 * left after that: the one that probes while the budget is closed. The state of the budget is read once a
 * second, so that an answer costs nothing while it is open.
 *
 * To Redis, a request seems to have left later than it did, by the time that the command takes to get there.
 * A request that left before this worker knew of the refusal therefore opens nothing, whatever Redis would
 * say. Redis decides about refusals that other workers have met since.
 */
export const startBudgetWatch = ({
  budget,
  limited,
  logger,
  clock = systemClock,
}: BudgetWatchOptions): BudgetWatch => {
  /** Since when this worker has known that the budget is closed; undefined while it is open. */
  let knownSinceMs: number | undefined;
  /** What is closed when a worker starts was closed before its first request, which may be the probe. */
  let learnedMs = () => -Infinity;
  const poll = async () => {
    knownSinceMs = (await budget.isClosed()) ? (knownSinceMs ?? learnedMs()) : undefined;
    learnedMs = clock.nowMs;
  };
  const onError = (err: unknown) => logger.event('request_budget_unavailable', { err });
  const polling = every(POLL_EVERY_MS, poll, onError);
  return {
    refused: (request) => {
      logger.event('upstream_rate_limited', { ...request });
      knownSinceMs = clock.nowMs();
      (limited ? budget.slowDown(request) : budget.noteClosed(request)).catch(onError);
    },
    answered: (request) => {
      if (knownSinceMs === undefined || clock.nowMs() - request.ageMs <= knownSinceMs) return;
      budget.answered(request).then((result) => {
        if (result === 'too-old') return;
        knownSinceMs = undefined;
        if (result === 'opened') logger.event('request_budget_opened');
      }, onError);
    },
    close: () => polling.close(),
  };
};
