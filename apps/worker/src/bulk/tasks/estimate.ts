import { timeFor, type Takes } from '@rekey/ledger';
import type { BulkTaskDeps } from './bulk-task-deps.ts';

const PAGE = 100;

export const pagesOf = (assistants: number): number => Math.ceil(assistants / PAGE);

/** How many assistants of an org are known. */
export const knownOf = async ({ ledger }: BulkTaskDeps, orgId: string): Promise<number> => {
  const orgs = await ledger.orgs();
  return orgs.find((org) => org.orgId === orgId)?.assistants ?? 0;
};

export const takes = (requests: number, { budget }: BulkTaskDeps): Takes => ({
  requests,
  durationMs: timeFor(requests, budget),
});

/** Whether listing the known assistants of an org costs no more requests than reading these one by one. */
export const listCostsLess = (assistants: number, known: number): boolean => assistants > 1 + known / PAGE;

/** The requests that a comparison takes. bulk-draw.lua has the same estimate. */
export const verifyRequests = (
  assistants: number,
  known: number,
  listed = Math.max(known, assistants),
): number => (listCostsLess(assistants, Math.max(known, assistants)) ? pagesOf(listed) : assistants);
