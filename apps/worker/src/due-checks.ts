import type { DueCheck, Ledger } from '@rekey/ledger';
import type { Logger } from '@rekey/runtime';
import { RekeyError } from '@rekey/schema';
import type { CheckResult } from './check-assistant.ts';
import { every } from './every.ts';
import { needsOperator } from './needs-operator.ts';
import { idsOf } from './publisher.ts';

export interface DueChecksOptions {
  ledger: Pick<Ledger, 'drawChecks' | 'endCheck' | 'quarantine' | 'unquarantine' | 'nowMs'>;
  check: (target: { orgId: string; assistantId: string }) => Promise<CheckResult>;
  logger: Logger;
  /** A check of a worker that died is made by another after so long. */
  takeoverAfterMs: number;
}

const AT_ONCE = 8;
const LOOK_EVERY_MS = 500;
/** What only somebody can mend is tried again seldom. */
const AGAIN_MS = { unreadable: 5000, refused: 60_000, corrupt: 60_000, stale: 10_000 };

/**
 * Makes the checks that are due: after a POST whose commit was refused, after a second POST, after an answer that an assistant is gone,
 * and what a sweep left for later. They are drawn from the ledger and not from BullMQ, because commands ask for them in
 * the same breath in which they find out.
 */
export const startDueChecks = ({ ledger, check, logger, takeoverAfterMs }: DueChecksOptions): { close(): Promise<void> } => {
  const make = async (due: DueCheck): Promise<void> => {
    try {
      const result = await check(due);
      if (await ledger.unquarantine(due.assistantId)) logger.info(idsOf(due), 'the ledger entry of an assistant can be read again');
      await ledger.endCheck(due, againInMs(result));
    } catch (error) {
      if (!(error instanceof RekeyError && error.code === 'LEDGER_CORRUPT')) throw error;
      await quarantine({ ledger, logger }, due, 'its entry has a wrong type');
      await ledger.endCheck(due, AGAIN_MS.corrupt);
    }
  };

  const round = async (): Promise<void> => {
    for (;;) {
      const due = await ledger.drawChecks(AT_ONCE, takeoverAfterMs);
      if (due.length === 0) return;
      const broken = (await Promise.allSettled(due.map(make))).find((result) => result.status === 'rejected');
      if (broken) throw broken.reason;
    }
  };
  return every(LOOK_EVERY_MS, round, (err) => logger.warn({ err }, 'due checks could not be made; they are tried again'));
};

const againInMs = (result: CheckResult): number | undefined => {
  switch (result.kind) {
    case 'held':
    case 'doubted':
      return result.retryInMs;
    case 'stale':
      return Math.max(result.retryInMs, AGAIN_MS.stale);
    case 'unreadable':
      return Math.max(result.retryAfterMs ?? 0, needsOperator.has(result.code) ? AGAIN_MS.refused : AGAIN_MS.unreadable);
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
    logger.error({ ...idsOf(target), why }, 'the ledger entry of an assistant cannot be read; it is quarantined, everything else goes on');
  }
};
