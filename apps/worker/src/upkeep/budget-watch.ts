import type { RequestBudget } from '@rekey/ledger';
import type { Logger } from '@rekey/runtime';
import { every } from '../shared/every.ts';

export interface BudgetWatchOptions {
  budget: Pick<RequestBudget, 'slowDown' | 'noteClosed' | 'isClosed' | 'answered'>;
  /** Requests take slots of the budget; without a limit a refusal is only noted. */
  limited: boolean;
  logger: Logger;
  lookEveryMs?: number;
}

export interface BudgetWatch {
  /**
   * Upstream has refused a request for coming too soon (429). `retryAfterNote`: why the pause is not the one
   * that it asked for.
   */
  refused(request: { ageMs: number; retryAfterMs?: number; retryAfterNote?: 'unreadable' | 'bounded' }): void;
  /** It has answered one otherwise. */
  answered(request: { ageMs: number }): void;
  close(): Promise<void>;
}

const LOOK_EVERY_MS = 1000;

/**
 * Closes the request budget when upstream refuses, and opens it when upstream answers a request that left
 * since: the one that tries while it is closed.
 * Whether it is closed is asked once a second, so that an answer costs nothing otherwise.
 */
export const startBudgetWatch = ({
  budget,
  limited,
  logger,
  lookEveryMs = LOOK_EVERY_MS,
}: BudgetWatchOptions): BudgetWatch => {
  let closed = false;
  const look = async () => {
    closed = await budget.isClosed();
  };
  const onError = (err: unknown) => logger.warn({ err }, 'the request budget cannot be read or changed');
  const looking = every(lookEveryMs, look, onError);
  return {
    refused: (request) => {
      logger.warn(
        { ...request },
        'Invent refused a request for coming too soon (429): all workers slow down',
      );
      closed = true;
      (limited ? budget.slowDown(request) : budget.noteClosed(request)).catch(onError);
    },
    answered: (request) => {
      if (!closed) return;
      budget.answered(request).then((result) => {
        if (result === 'too-old') return;
        closed = false;
        if (result === 'opened') logger.info('Invent answers again: the request budget is open');
      }, onError);
    },
    close: () => looking.close(),
  };
};
