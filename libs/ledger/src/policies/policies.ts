import { createHash } from 'node:crypto';
import {
  LOCAL_ACTOR,
  MAX_POLICIES,
  MAX_POLICY_IDS_IN_ALL,
  MAX_POLICY_ID_BYTES_IN_ALL,
  ORG_ALIAS,
  RekeyError,
  type Actor,
  type RotationPolicy,
  type PolicySpec,
} from '@rekey/schema';
import type { Connection } from '../connection.ts';
import { policiesCommands } from './commands.generated.ts';
import { changedFields, parsePolicy, type PolicyChanges } from './policy-hash.ts';

type PolicyBegin =
  /** Until when the window's bulk rotation may run (Redis time, ms). */
  { kind: 'begun'; untilMs: number } | { kind: 'passed' | 'paused' | 'skipped' | 'missing' };

/**
 * Rotation policies as the ledger keeps them. BullMQ decides when they are due: see `PolicyQueue`. Every
 * method is one atomic command, or a read.
 */
export interface Policies {
  /**
   * Records a policy for named assistants, or for all of the org. Ids must be valid and distinct. The same
   * request id with the same arguments returns the first policy (`created` false). Throws REQUEST_ID_REUSED,
   * REQUEST_ID_SPENT if the first policy was deleted, TOO_MANY_POLICIES, and POLICIES_TOO_LARGE.
   */
  create(
    id: string,
    spec: PolicySpec,
    assistantIds: string[] | undefined,
    actor?: Actor,
  ): Promise<{ policy: RotationPolicy; created: boolean }>;
  /** Throws POLICY_NOT_FOUND. */
  get(id: string): Promise<RotationPolicy>;
  /**
   * All policies, newest first, without those whose entry cannot be read. Of more than 10,000 ids, which only
   * another client can make, the last ones by name.
   */
  list(filter?: { orgId?: string }): Promise<RotationPolicy[]>;
  /** Throws POLICY_NOT_FOUND. Safe to repeat. */
  setPaused(id: string, paused: boolean, actor?: Actor): Promise<RotationPolicy>;
  /**
   * Changes fields of a policy that was read before. Its terms and its last window stay as they are. Resolves
   * with undefined if another update has changed `everyDays` or the expression since: read the policy and
   * check the changes again. Throws POLICY_NOT_FOUND.
   */
  update(policy: RotationPolicy, changes: PolicyChanges, actor?: Actor): Promise<RotationPolicy | undefined>;
  /** Throws POLICY_NOT_FOUND. */
  delete(id: string, actor?: Actor): Promise<void>;
  /** Whether the policy covers each assistant; all, if it names none. Throws POLICY_NOT_FOUND. */
  members(id: string, assistantIds: string[]): Promise<boolean[]>;
  /**
   * Begins the window that was due at a moment. Safe to repeat: the result is the same. `busy`: the bulk
   * rotation of an earlier window is in progress, and the window is skipped.
   */
  begin(id: string, dueMs: number, options?: { busy: boolean }): Promise<PolicyBegin>;
  /**
   * Notes the bulk rotation of the window that was due at a moment. Has no effect if the policy is gone.
   */
  noteBulk(id: string, dueMs: number, bulkId: string): Promise<void>;
}

const REQUEST_ID_TTL_SECONDS = 24 * 3600;
/** A command with a million assistants would block all others. */
const MEMBERS_AT_ONCE = 1000;

const createPolicy =
  ({ keys, run }: Connection): Policies['create'] =>
  async (id, { requestId, ...spec }, assistantIds, actor = LOCAL_ACTOR) => {
    const digestOf = (orgId: string) =>
      createHash('sha256')
        .update(JSON.stringify([{ ...spec, orgId }, assistantIds?.toSorted()]))
        .digest('base64url');
    const { window, maxFailures } = spec;
    const reply = await policiesCommands(run).policyCreate({
      policy: keys.policy(id),
      assistants: keys.policyAssistants(id),
      policies: keys.policies,
      request: requestId === undefined ? undefined : keys.policyRequest(requestId, actor.by),
      counts: requestId === undefined ? undefined : keys.requestCounts,
      id,
      requestId,
      digest: digestOf(spec.orgId),
      aliasDigest: digestOf(ORG_ALIAS),
      requestTtlS: REQUEST_ID_TTL_SECONDS,
      limit: MAX_POLICIES,
      maxIds: MAX_POLICY_IDS_IN_ALL,
      maxBytes: MAX_POLICY_ID_BYTES_IN_ALL,
      named: assistantIds?.length,
      org: spec.orgId,
      reason: spec.reason,
      everyDays: spec.everyDays,
      windowCron: window.cron,
      windowZone: window.timeZone,
      windowLength: window.lengthMs,
      ...('count' in maxFailures ? { limitCount: maxFailures.count } : { limitPercent: maxFailures.percent }),
      actor,
      ids: assistantIds ?? [],
    });
    switch (reply.kind) {
      case 'reused':
        throw new RekeyError('REQUEST_ID_REUSED');
      case 'spent':
        throw new RekeyError('REQUEST_ID_SPENT');
      case 'crowded':
        throw new RekeyError('TOO_MANY_REQUEST_IDS');
      case 'full':
        throw new RekeyError('TOO_MANY_POLICIES', { metadata: { limit: String(MAX_POLICIES) } });
      case 'large':
        throw new RekeyError('POLICIES_TOO_LARGE', {
          metadata: { limit: String(MAX_POLICY_IDS_IN_ALL), limit_bytes: String(MAX_POLICY_ID_BYTES_IN_ALL) },
        });
      case 'known':
        return { created: false, policy: parsePolicy(reply.knownId, reply.known) };
      default:
        return { created: true, policy: parsePolicy(id, reply.policy) };
    }
  };

/** As many ids are read at once as there may be policies; of what another client adds, some are looked at. */
const MAX_LOOKED_AT = 10 * MAX_POLICIES;

const readPolicies = async ({ redis, keys }: Connection): Promise<RotationPolicy[]> => {
  const found = new Map<string, RotationPolicy>();
  for (let from = 0; from < MAX_LOOKED_AT; from += MAX_POLICIES) {
    const ids = await redis.zrange(keys.policies, String(from), String(from + MAX_POLICIES - 1), 'REV');
    const pipeline = redis.pipeline();
    for (const id of ids) pipeline.hgetall(keys.policy(id));
    for (const [i, [error, hash]] of ((await pipeline.exec()) ?? []).entries()) {
      const policy = error ? undefined : readable(ids[i]!, hash as Record<string, string>);
      if (policy) found.set(policy.id, policy);
    }
    if (ids.length < MAX_POLICIES) break;
  }
  return [...found.values()];
};

export const openPolicies = (connection: Connection): Policies => {
  const { redis, keys, run } = connection;
  const commands = policiesCommands(run);

  return {
    create: createPolicy(connection),

    get: async (id) => {
      const hash = await redis.hgetall(keys.policy(id));
      if (Object.keys(hash).length === 0) throw new RekeyError('POLICY_NOT_FOUND');
      return parsePolicy(id, hash);
    },

    list: async ({ orgId } = {}) =>
      (await readPolicies(connection)).filter((policy) => orgId === undefined || policy.orgId === orgId),

    setPaused: async (id, paused, actor = LOCAL_ACTOR) => {
      const reply = await commands.policyPause({ policy: keys.policy(id), id, paused, actor });
      if (reply.kind === 'missing') throw new RekeyError('POLICY_NOT_FOUND');
      return parsePolicy(id, reply.policy);
    },

    update: async ({ id, everyDays, window }, changes, actor = LOCAL_ACTOR) => {
      const reply = await commands.policyUpdate({
        policy: keys.policy(id),
        id,
        readEveryDays: String(everyDays),
        readWindowCron: window.cron,
        actor,
        changes: changedFields(changes),
      });
      if (reply.kind === 'missing') throw new RekeyError('POLICY_NOT_FOUND');
      return reply.kind === 'changed' ? undefined : parsePolicy(id, reply.policy);
    },

    delete: async (id, actor = LOCAL_ACTOR) => {
      const { kind } = await commands.policyDelete({
        policy: keys.policy(id),
        assistants: keys.policyAssistants(id),
        policies: keys.policies,
        id,
        actor,
      });
      if (kind === 'missing') throw new RekeyError('POLICY_NOT_FOUND');
    },

    members: async (id, assistantIds) => {
      const named = await redis.hget(keys.policy(id), 'assistants');
      if (named === null) throw new RekeyError('POLICY_NOT_FOUND');
      if (named === '') return assistantIds.map(() => true);
      const is: boolean[] = [];
      for (let from = 0; from < assistantIds.length; from += MEMBERS_AT_ONCE) {
        const replies = await redis.smismember(
          keys.policyAssistants(id),
          ...assistantIds.slice(from, from + MEMBERS_AT_ONCE),
        );
        for (const reply of replies) is.push(reply === 1);
      }
      return is;
    },

    begin: (id, dueMs, { busy } = { busy: false }) =>
      commands.policyBegin({ policy: keys.policy(id), id, dueMs, busy }),

    noteBulk: async (id, dueMs, bulkId) => {
      const changes = ['bulk', bulkId, 'bulk_due', dueMs];
      await commands.policyWrite({ policy: keys.policy(id), changes });
    },
  };
};

/** One bad entry must not hide the others. */
const readable = (id: string, hash: Record<string, string>): RotationPolicy | undefined => {
  try {
    return parsePolicy(id, hash);
  } catch {
    return undefined;
  }
};
