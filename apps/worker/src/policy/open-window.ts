import { createHash } from 'node:crypto';
import { nextOpening, type Bulks, type Policies } from '@rekey/ledger';
import type { Logger } from '@rekey/runtime';
import { RekeyError, isBulkEnded, systemActor, type RotationPolicy } from '@rekey/schema';
import { ulid } from 'ulid';

/** Who requests its bulk rotations: on behalf of whoever requested the policy. */
const POLICIES = systemActor('policies');

export interface OpenWindowDeps {
  policies: Pick<Policies, 'get' | 'begin' | 'noteBulk'>;
  bulks: Pick<Bulks, 'draft' | 'create' | 'get' | 'cancel'>;
  /** Redis time, in ms since 1970. */
  nowMs: () => Promise<number>;
  logger: Logger;
}

type OpenedWindow = 'requested' | 'done' | 'passed' | 'paused' | 'missing' | 'busy';

/**
 * Requests the bulk rotation of a due window, at its time or, if that was missed, later. Its assistants are
 * found when it is prepared. Safe to repeat: one window has one bulk rotation. Throws POLICY_NOT_SCHEDULED,
 * and requests nothing, if the next window cannot be computed: the number of due keys depends on it.
 */
export const openWindow =
  (deps: OpenWindowDeps) =>
  async (policyId: string, dueMs: number): Promise<OpenedWindow> => {
    const { policies, nowMs, logger } = deps;
    const policy = await policies.get(policyId).catch(ifCode('POLICY_NOT_FOUND'));
    if (!policy) return 'missing';
    if (policy.lastDueMs === dueMs) return 'done';
    if (!policy.paused && (await isAtWork(deps, policy))) {
      await policies.begin(policyId, dueMs, { busy: true });
      logger.event('policy_window_skipped', { policy_id: policyId, bulk_id: policy.lastBulkId });
      return 'busy';
    }
    if (!policy.paused) nextOpening(policy.window, await nowMs());
    const begun = await policies.begin(policyId, dueMs);
    if (begun.kind === 'skipped') return 'busy';
    if (begun.kind !== 'begun') return begun.kind;
    const bulkId = await requestBulk(deps, policy, dueMs, begun.untilMs);
    logger.event('policy_bulk_requested', {
      policy_id: policyId,
      bulk_id: bulkId,
      org_id: policy.orgId,
      due: new Date(dueMs).toISOString(),
    });
    return 'requested';
  };

/** Whether the bulk rotation of an earlier window is still in progress. */
const isAtWork = async (
  { bulks, nowMs, logger }: OpenWindowDeps,
  { id, lastBulkId }: RotationPolicy,
): Promise<boolean> => {
  const last =
    lastBulkId === undefined ? undefined : await bulks.get(lastBulkId).catch(ifCode('BULK_NOT_FOUND'));
  if (!last || isBulkEnded(last.state)) return false;
  if ((last.state !== 'HALTED' && last.state !== 'PAUSED') || (last.untilMs ?? Infinity) > (await nowMs()))
    return true;
  // Its window has ended, so that it could not continue either: it must not block the policy. Each window
  // risks no more than its own limit of failures.
  await bulks.cancel(last.id, POLICIES).catch(ifCode('BULK_STATE'));
  logger.event('policy_bulk_cancelled', {
    policy_id: id,
    bulk_id: last.id,
    state: last.state,
    why: last.why,
  });
  return false;
};

const requestBulk = async (
  { policies, bulks }: OpenWindowDeps,
  policy: RotationPolicy,
  dueMs: number,
  untilMs: number,
): Promise<string> => {
  const id = `blk_${ulid()}`;
  const { bulk } = await bulks.create(
    id,
    {
      orgId: policy.orgId,
      requestId: windowRequestId(policy.id, dueMs),
      reason: policy.reason || `policy ${policy.id}`,
      selection: { kind: 'org', policyId: policy.id },
      urgent: false,
      validateOnly: false,
      maxFailures: policy.maxFailures,
      untilMs,
    },
    bulks.draft(id),
    POLICIES,
    policy.requestedBy,
  );
  await policies.noteBulk(policy.id, dueMs, bulk.id);
  return bulk.id;
};

/**
 * A request id in the form of a UUID of version 8. It is the same for the same window, so that a job that is
 * delivered twice requests one bulk rotation.
 */
export const windowRequestId = (policyId: string, dueMs: number): string => {
  const bytes = createHash('sha256').update(`rekey policy ${policyId} ${dueMs}`).digest().subarray(0, 16);
  bytes[6] = (bytes[6]! & 0x0f) | 0x80;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
};

/** Turns an expected error into undefined. */
const ifCode =
  (code: string) =>
  (error: unknown): undefined => {
    if (!(error instanceof RekeyError) || error.code !== code) throw error;
  };
