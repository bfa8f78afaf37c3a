import type { ErrorCode } from '@rekey/schema';
import type { CheckResult } from '../checks/check-assistant.ts';
import type { Listing } from '../lists/read-list.ts';
import { unlessCorrupt } from '../quarantine.ts';
import { SweepFailure } from '../sweep-failure.ts';
import type { OrgSweep, SweepDeps } from './sweep-run.ts';

/** Absent assistants that are read to see whether LIST omits assistants that exist. */
const ABSENT_SAMPLE = 3;

/**
 * Holds the org if too much has changed, or lifts the hold if it has not. Returns whether LIST omits
 * assistants that exist.
 */
export const judgeList = async (
  deps: SweepDeps,
  run: OrgSweep,
  beganMs: number,
  { complete }: Listing,
): Promise<boolean> => {
  const { ledger, logger } = deps;
  const evidence = run.evidence!;
  const { limits } = evidence;
  if (limits.accepted) return false;
  if (evidence.isForeign()) {
    if (complete) return hold(deps, run, 'ORG_CHANGED', limits.known);
    // No known assistant was listed, and the API key may be wrong: then a GET proves no more about absent
    // ones than LIST.
    throw new SweepFailure(limits.held ?? 'LIST_INCOMPLETE');
  }
  if (evidence.disputed > limits.limit && !(await isListUntrue(deps, run)))
    await hold(deps, run, evidence.code(), evidence.disputed);
  const disputed = evidence.isUntrue() ? 0 : evidence.disputed;
  const absent = await ledger.assistants.countNotSeenSince(run.orgId, beganMs);
  const isBeyond = absent > 0 && absent + disputed > limits.limit;
  // Assistants that an incomplete list does not show may well exist.
  const omits = isBeyond && (!complete || (await listOmits(deps, run, beganMs)));
  if (isBeyond && !omits) await hold(deps, run, 'TOO_MANY_GONE', absent);
  if (limits.held && (evidence.isUntrue() || evidence.unread > 0 || (isBeyond && !complete)))
    throw new SweepFailure(limits.held);
  if (limits.held && (await ledger.orgs.endSweep(run.orgId)))
    logger.event('org_hold_lifted', { org_id: run.orgId, code: limits.held });
  return omits;
};

/** Ends the sweep of an org of which too much has changed. Consumers keep the keys that they have. */
const hold = async (
  { ledger, logger }: SweepDeps,
  { orgId, counts, evidence }: OrgSweep,
  code: ErrorCode,
  affected: number,
): Promise<never> => {
  const { known, limit } = evidence!.limits;
  counts.unresolved += affected;
  const isNew = await ledger.orgs.hold(orgId, { code, affected, known });
  if (isNew) logger.event('org_held', { org_id: orgId, code, affected, known, limit });
  throw new SweepFailure(code);
};

/**
 * Whether GET agrees with the ledger on most of the assistants that LIST shows with another key, or without
 * one. Nothing is published meanwhile, and nothing is concluded from a read that fails.
 */
const isListUntrue = async (
  { check, logger }: SweepDeps,
  { orgId, lane, counts, evidence }: OrgSweep,
): Promise<boolean> => {
  let agreed = 0;
  let differing = 0;
  for (const assistantId of evidence!.sample()) {
    counts.requests += 1;
    const result = await check({ orgId, assistantId }, { lane, compareOnly: true });
    if (result.kind === 'unreadable') throw new SweepFailure(result.code);
    if (result.kind === 'agreed') agreed += 1;
    if (result.kind === 'differs') differing += 1;
  }
  if (agreed <= differing) return false;
  evidence!.noteUntrue();
  logger.event('list_untrusted', { org_id: orgId });
  return true;
};

/** Whether some assistants that are not listed exist. Throws SweepFailure if one of them cannot be read. */
const listOmits = async (deps: SweepDeps, run: OrgSweep, beganMs: number): Promise<boolean> => {
  const kinds: CheckResult['kind'][] = [];
  const absent = await deps.ledger.assistants.notSeenSince(run.orgId, beganMs, {
    offset: 0,
    size: ABSENT_SAMPLE,
  });
  for (const assistantId of absent) {
    run.counts.requests += 1;
    const result = await deps.check({ orgId: run.orgId, assistantId }, { lane: run.lane, compareOnly: true });
    if (result.kind === 'unreadable') throw new SweepFailure(result.code);
    kinds.push(result.kind);
  }
  return kinds.some((kind) => kind !== 'differs');
};

/**
 * Holds an org if neither LIST nor GET shows the published keys: they are masked, or one key is shown for all
 * assistants. Otherwise the first of them would be published.
 */
export const holdIfUnshown = async (deps: SweepDeps, run: OrgSweep, unshown: string[]): Promise<void> => {
  if (run.evidence!.limits.accepted) return;
  for (const assistantId of new Set([unshown[0]!, unshown[unshown.length >> 1]!, unshown.at(-1)!])) {
    run.counts.requests += 1;
    const target = { orgId: run.orgId, assistantId };
    const { kind } = await unlessCorrupt(deps, target, () =>
      deps.check(target, { lane: run.lane, compareOnly: true }),
    );
    if (kind !== 'differs') return;
  }
  await hold(deps, run, 'KEYS_NOT_SHOWN', unshown.length);
};
