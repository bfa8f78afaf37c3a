import type { DueCheck, Ledger } from '@rekey/ledger';
import type { Logger } from '@rekey/runtime';
import { RekeyError } from '@rekey/schema';
import type { CheckOptions, CheckResult } from './check-assistant.ts';
import { every } from '../../shared/every.ts';
import { isLasting } from '../../shared/needs-operator.ts';
import { idsOf } from '../../publishing/publisher.ts';

export interface DueChecksOptions {
  ledger: Pick<Ledger, 'drawChecks' | 'endCheck' | 'quarantine' | 'unquarantine' | 'nowMs'>;
  check: (target: { orgId: string; assistantId: string }, options: CheckOptions) => Promise<CheckResult>;
  logger: Logger;
  /** A check of a worker that died is made by another after so long. */
  takeoverAfterMs: number;
}

const AT_ONCE = 8;
const LOOK_EVERY_MS = 500;
/** What only somebody can mend is tried again seldom. */
const AGAIN_MS = { unreadable: 5000, refused: 60_000, corrupt: 60_000, withheld: 300_000 };
/** What reads dispute is read again no sooner than this, whatever the lag. */
const DISPUTED_AT_LEAST_MS = 1000;

/**
 * Makes the checks that are due: after a POST whose commit was refused, after a second POST, after an answer
 * that an assistant is gone, and what a sweep left for later. They are drawn from the ledger and not from
 * BullMQ, because commands ask for them in the same breath in which they find out.
 */
export const startDueChecks = ({
  ledger,
  check,
  logger,
  takeoverAfterMs,
}: DueChecksOptions): { close(): Promise<void> } => {
  const make = async (due: DueCheck): Promise<void> => {
    try {
      const result = await check(due, { lane: due.slow ? 'sweep' : 'first' });
      if (await ledger.unquarantine(due.assistantId))
        logger.info(idsOf(due), 'the ledger entry of an assistant can be read again');
      await ledger.endCheck(due, again(due, result));
    } catch (error) {
      if (!(error instanceof RekeyError && error.code === 'LEDGER_CORRUPT')) throw error;
      await quarantine({ ledger, logger }, due, 'its entry has a wrong type');
      await ledger.endCheck(due, { inMs: AGAIN_MS.corrupt, slow: due.slow });
    }
  };

  const round = (slow: boolean) => async (): Promise<void> => {
    for (;;) {
      const due = await ledger.drawChecks(AT_ONCE, takeoverAfterMs, { slow });
      if (due.length === 0) return;
      const broken = (await Promise.allSettled(due.map(make))).find((result) => result.status === 'rejected');
      if (broken) throw broken.reason;
    }
  };
  // Those that may take their time wait for the sweep's share of the budget; nobody else waits for them.
  const rounds = [false, true].map((slow) =>
    every(LOOK_EVERY_MS, round(slow), (err) =>
      logger.warn({ err }, 'due checks could not be made; retrying'),
    ),
  );
  return {
    close: async () => {
      await Promise.all(rounds.map((one) => one.close()));
    },
  };
};

/**
 * When it is read again, and whether that takes from the sweep's share: what reads dispute could take all of
 * the budget otherwise.
 */
const again = ({ slow }: DueCheck, result: CheckResult): { inMs: number; slow: boolean } | undefined => {
  switch (result.kind) {
    case 'held':
      return { inMs: result.retryInMs, slow };
    case 'doubted':
      // A cache shows what was so before until its entry expires: asking it each time that a read may lag
      // would take all requests.
      return result.cached
        ? { inMs: Math.max(result.retryInMs, AGAIN_MS.unreadable), slow: true }
        : { inMs: result.retryInMs, slow };
    case 'stale':
    case 'unconfirmed':
      return { inMs: Math.max(result.retryInMs, DISPUTED_AT_LEAST_MS), slow: true };
    case 'withheld':
      return { inMs: AGAIN_MS.withheld, slow: true };
    case 'unreadable':
      // What was not asked for want of a request keeps its place; what cannot be read may be so for long, and
      // be many.
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

/** Notes and reports an assistant whose ledger entry cannot be read; once, however often it is met. */
export const quarantine = async (
  { ledger, logger }: { ledger: Pick<Ledger, 'quarantine' | 'nowMs'>; logger: Logger },
  target: { orgId: string; assistantId: string },
  why: string,
): Promise<void> => {
  if (await ledger.quarantine(target.assistantId, why, await ledger.nowMs())) {
    logger.error(
      { ...idsOf(target), why },
      'the ledger entry of an assistant cannot be read; it is quarantined, everything else goes on',
    );
  }
};
