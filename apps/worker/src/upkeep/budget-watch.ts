import type { RequestBudget } from '@rekey/ledger';
import type { Logger } from '@rekey/runtime';
import { every } from '../shared/every.ts';

interface BudgetWatchOptions {
  budget: Pick<RequestBudget, 'slowDown' | 'noteClosed' | 'isClosed' | 'answered'>;
  /** Requests take slots of the budget. Without a limit, a refusal is only recorded. */
  limited: boolean;
  logger: Logger;
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
 */
export const startBudgetWatch = ({ budget, limited, logger }: BudgetWatchOptions): BudgetWatch => {
  let closed = false;
  const poll = async () => {
    closed = await budget.isClosed();
  };
  const onError = (err: unknown) => logger.event('request_budget_unavailable', { err });
  const polling = every(POLL_EVERY_MS, poll, onError);
  return {
    refused: (request) => {
      logger.event('upstream_rate_limited', { ...request });
      closed = true;
      (limited ? budget.slowDown(request) : budget.noteClosed(request)).catch(onError);
    },
    answered: (request) => {
      if (!closed) return;
      budget.answered(request).then((result) => {
        if (result === 'too-old') return;
        closed = false;
        if (result === 'opened') logger.event('request_budget_opened');
      }, onError);
    },
    close: () => polling.close(),
  };
};
