import type { Ledger } from '@rekey/ledger';
import type { Logger } from '@rekey/runtime';
import { RekeyError } from '@rekey/schema';
import { idsOf } from '../shared/ids-of.ts';

interface Target {
  orgId: string;
  assistantId: string;
}

interface QuarantineDeps {
  ledger: Pick<Ledger, 'assistants' | 'system'>;
  logger: Logger;
}

/** Records and reports an assistant whose ledger entry cannot be read; once, however often it is met. */
export const quarantine = async (
  { ledger, logger }: QuarantineDeps,
  target: Target,
  why: string,
): Promise<void> => {
  const nowMs = await ledger.system.nowMs();
  if (await ledger.assistants.quarantine(target.assistantId, why, nowMs))
    logger.event('assistant_quarantined', { ...idsOf(target), why });
};

export const WRONG_TYPE = 'its entry has a wrong type';

interface SetAsideDeps {
  ledger: QuarantineDeps['ledger'] & Pick<Ledger, 'assistants'>;
  logger: Logger;
}

/** Quarantines an assistant whose entry cannot be read, and has it checked until it can be read again. */
export const setAside = async (deps: SetAsideDeps, target: Target): Promise<void> => {
  await quarantine(deps, target, WRONG_TYPE);
  await deps.ledger.assistants.requestCheck(target, 0);
};

/** Takes a step with an assistant. An entry that cannot be read sets this one aside and stops no other. */
export const unlessCorrupt = async <T>(
  deps: SetAsideDeps,
  target: Target,
  step: () => Promise<T>,
): Promise<T | { kind: 'corrupt' }> => {
  try {
    return await step();
  } catch (error) {
    if (!(error instanceof RekeyError && error.code === 'LEDGER_CORRUPT')) throw error;
    await setAside(deps, target);
    return { kind: 'corrupt' };
  }
};
