import type { CheckResult } from '../checks/check-assistant.ts';
import { unlessCorrupt } from '../quarantine.ts';
import type { OrgSweep, SweepDeps } from './sweep-run.ts';

export const CHECKS_AT_ONCE = 8;
/**
 * Removals that a sweep waits for are confirmed by its own reads. If it dies, others read them this much
 * later.
 */
const CONFIRMED_BY_OTHERS_MS = 60_000;

const counted = ['agreed', 'adopted', 'imported', 'removed', 'held'] as const;
type Counted = (typeof counted)[number];
const isCounted = (kind: string): kind is Counted => (counted as readonly string[]).includes(kind);

/** Reads assistants one by one and publishes the keys in force. Returns the assistants that may exist. */
export const checkAll = async (deps: SweepDeps, run: OrgSweep, assistantIds: string[]): Promise<string[]> => {
  const { orgId, lane, counts, onRepaired } = run;
  const present: string[] = [];
  const checkOne = async (assistantId: string) => {
    const target = { orgId, assistantId };
    counts.requests += 1;
    const result = await unlessCorrupt(deps, target, () => deps.check(target, { lane }));
    const { kind } = result;
    if ('moreRequests' in result) counts.requests += result.moreRequests ?? 0;
    if (kind !== 'removed' && kind !== 'unconfirmed' && kind !== 'corrupt') present.push(assistantId);
    if (kind === 'adopted' || kind === 'imported' || kind === 'removed') onRepaired?.(assistantId);
    if (isCounted(kind)) {
      counts[kind] += 1;
      return;
    }
    counts.unresolved += 1;
    if (result.kind !== 'corrupt') await noteUnresolved(deps, run, assistantId, result);
  };
  for (let at = 0; at < assistantIds.length; at += CHECKS_AT_ONCE)
    await Promise.all(assistantIds.slice(at, at + CHECKS_AT_ONCE).map(checkOne));
  return present;
};

/** Keeps a difference that is not resolved for the end of the sweep, and for a later check. */
const noteUnresolved = async (
  { ledger, logger, readLagMs }: SweepDeps,
  { orgId, evidence, asked, later }: OrgSweep,
  assistantId: string,
  result: CheckResult,
): Promise<void> => {
  if (result.kind === 'unreadable' && result.code !== 'UPSTREAM_RATE_LIMITED')
    later?.unreadable.set(assistantId, result.code);
  if (result.kind === 'unconfirmed') evidence?.unconfirmed.set(assistantId, result.retryInMs);
  logger.event('difference_unresolved', {
    org_id: orgId,
    assistant_id: assistantId,
    result: result.kind,
  });
  const ownReadMs = result.kind === 'unconfirmed' && asked ? CONFIRMED_BY_OTHERS_MS : 0;
  const retryInMs = 'retryInMs' in result ? result.retryInMs : readLagMs;
  await ledger.assistants.requestCheck({ orgId, assistantId }, retryInMs + ownReadMs, { slow: true });
};
