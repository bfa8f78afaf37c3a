import { timeFor, type Takes } from '@rekey/ledger';
import type { BulkTaskDeps } from './bulk-task-deps.ts';

/** How many assistants of an org are known. */
export const knownOf = async ({ ledger }: BulkTaskDeps, orgId: string): Promise<number> => {
  const orgs = await ledger.orgs.list();
  return orgs.find((org) => org.orgId === orgId)?.assistants ?? 0;
};

export const takes = (requests: number, { budget }: BulkTaskDeps): Takes => ({
  requests,
  durationMs: timeFor(requests, budget),
});
