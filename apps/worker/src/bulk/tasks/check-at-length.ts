import { needsOperator } from '../../shared/needs-operator.ts';
import type { CheckResult } from '../../verification/checks/check-assistant.ts';
import { unlessCorrupt } from '../../verification/quarantine.ts';
import type { BulkTaskDeps } from './bulk-task-deps.ts';

const CHECK_TRIES = 5;

/**
 * Reads one assistant, and reads it again if the answer cannot be trusted yet. If an operator has to act
 * first, it is not read again.
 */
export const checkAtLength = async (
  deps: BulkTaskDeps,
  target: { orgId: string; assistantId: string },
): Promise<CheckResult | { kind: 'corrupt'; elsewhere?: undefined }> => {
  const { check, clock, readLagMs, stopping } = deps;
  for (let tries = 1; ; tries += 1) {
    const result = await unlessCorrupt(deps, target, () => check(target, { lane: 'bulk' }));
    if (tries === CHECK_TRIES || stopping.aborted || !('retryInMs' in result || result.kind === 'unreadable'))
      return result;
    if (result.kind === 'unreadable' && needsOperator.has(result.code)) return result;
    await clock.sleep(
      Math.min('retryInMs' in result ? result.retryInMs : (result.retryAfterMs ?? readLagMs), 10_000),
    );
  }
};
