import type { DueCheck, Ledger } from '@rekey/ledger';
import type { Logger } from '@rekey/runtime';
import { RekeyError } from '@rekey/schema';
import { every } from '../../shared/every.ts';
import { idsOf } from '../../shared/ids-of.ts';
import { isLasting } from '../../shared/needs-operator.ts';
import { WRONG_TYPE, quarantine } from '../quarantine.ts';
import type { CheckOptions, CheckResult } from './check-assistant.ts';

interface DueChecksOptions {
  ledger: Pick<Ledger, 'assistants' | 'system'>;
  check: (target: { orgId: string; assistantId: string }, options: CheckOptions) => Promise<CheckResult>;
  logger: Logger;
  /** A check of a worker that died is taken over by another one after this time. */
  takeoverAfterMs: number;
  /** The worker stops: no further check begins, so that a sweep that ends finds free requests. */
  stopping: AbortSignal;
}

const CHECKS_AT_ONCE = 8;
const POLL_EVERY_MS = 500;
/** Pauses are long if only an operator can remove the cause. */
const AGAIN_MS = { unreadable: 5000, refused: 60_000, corrupt: 60_000, withheld: 300_000 };
/** Disputed reads are repeated no sooner than this, whatever the read lag. */
const DISPUTED_AT_LEAST_MS = 1000;

/**
 * Makes the checks that are due: after a POST whose commit was refused, after a second POST, after an answer
 * that an assistant is deleted, and those that a sweep left for later. They are in the ledger and not in
 * BullMQ, because commands request them atomically with their own changes.
 */
export const startDueChecks = ({
  ledger,
  check,
  logger,
  takeoverAfterMs,
  stopping,
}: DueChecksOptions): { close(): Promise<void> } => {
  const make = async (due: DueCheck): Promise<void> => {
    try {
      const result = await check(due, { lane: due.slow ? 'sweep' : 'first' });
      if (await ledger.assistants.unquarantine(due.assistantId))
        logger.event('quarantine_lifted', idsOf(due));
      await ledger.assistants.endCheck(due, nextCheck(due, result));
    } catch (error) {
      if (!(error instanceof RekeyError && error.code === 'LEDGER_CORRUPT')) throw error;
      await quarantine({ ledger, logger }, due, WRONG_TYPE);
      await ledger.assistants.endCheck(due, { inMs: AGAIN_MS.corrupt, slow: due.slow });
    }
  };

  const round = (slow: boolean) => async (): Promise<void> => {
    while (!stopping.aborted) {
      const due = await ledger.assistants.drawChecks(CHECKS_AT_ONCE, takeoverAfterMs, { slow });
      if (due.length === 0) return;
      const failed = (await Promise.allSettled(due.map(make))).find((result) => result.status === 'rejected');
      if (failed) throw failed.reason;
    }
  };
  // Slow checks wait for the sweep's share of the budget. They have a round of their own, so that no other
  // check waits for them.
  const rounds = [false, true].map((slow) =>
    every(POLL_EVERY_MS, round(slow), (err) => logger.event('due_checks_failed', { err })),
  );
  return {
    close: async () => {
      await Promise.all(rounds.map((one) => one.close()));
    },
  };
};

/**
 * When the assistant is read again, and whether that takes from the sweep's share of the budget: disputed
 * reads could take all of it otherwise. Undefined if the check has ended.
 */
const nextCheck = ({ slow }: DueCheck, result: CheckResult): { inMs: number; slow: boolean } | undefined => {
  switch (result.kind) {
    case 'held':
      return { inMs: result.retryInMs, slow };
    case 'doubted':
      // A cache shows an earlier state until its entry expires. Reading it after each read lag would take all
      // requests.
      return result.cached
        ? { inMs: Math.max(result.retryInMs, AGAIN_MS.unreadable), slow: true }
        : { inMs: result.retryInMs, slow };
    case 'stale':
    case 'unconfirmed':
      return { inMs: Math.max(result.retryInMs, DISPUTED_AT_LEAST_MS), slow: true };
    case 'withheld':
      return { inMs: AGAIN_MS.withheld, slow: true };
    case 'unreadable':
      // A check that lacked a request keeps its place. Other failures may last long and concern many
      // assistants.
      return {
        inMs: Math.max(
          result.retryAfterMs ?? 0,
          isLasting(result.code) ? AGAIN_MS.refused : AGAIN_MS.unreadable,
        ),
        slow: slow || result.code !== 'UPSTREAM_RATE_LIMITED',
      };
    default:
      return undefined;
  }
};
