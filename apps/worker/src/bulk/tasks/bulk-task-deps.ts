import type { BudgetOptions, BulkWork, Ledger } from '@rekey/ledger';
import { noSweepCounts } from '@rekey/schema';
import type { PolicyShare } from '../../policy/policy-share.ts';
import type { OrgSweep, SweepDeps } from '../../verification/sweep/sweep-run.ts';
import { BulkLost } from './bulk-lost.ts';

export interface BulkTaskDeps extends SweepDeps {
  work: BulkWork;
  ledger: SweepDeps['ledger'] & Pick<Ledger, 'assistants'>;
  budget: BudgetOptions;
  /**
   * Begins to choose the assistants that a policy rotates at a moment (Redis time, ms). Throws
   * POLICY_NOT_FOUND.
   */
  openShare: (policyId: string, nowMs: number) => Promise<PolicyShare>;
  /** For how long listing or comparing is retried before it is given up. */
  retryForMs: number;
  /** Aborts when the process stops. */
  stopping: AbortSignal;
}

export const throwIfStopping = ({ stopping }: BulkTaskDeps): void => {
  if (stopping.aborted) throw new BulkLost();
};

export const createSweepRun = async (
  deps: BulkTaskDeps,
  orgId: string,
  save: () => Promise<void>,
  onPresent?: OrgSweep['onPresent'],
): Promise<OrgSweep> => ({
  orgId,
  lane: 'bulk',
  anchor: { redisMs: await deps.ledger.system.nowMs(), clockMs: deps.clock.nowMs() },
  counts: { ...noSweepCounts },
  save,
  asked: false,
  ...(onPresent && { onPresent }),
});
