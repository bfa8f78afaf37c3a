import { createHash } from 'node:crypto';
import { MAX_POLICIES, ORG_ALIAS, RekeyError, type PolicySpec, type RotationPolicy } from '@rekey/schema';
import type { Redis } from 'ioredis';
import { flatHash } from '../hash-fields.ts';
import { ledgerKeys } from '../keys.ts';
import { parsePolicy, policyFields } from './policy-hash.ts';
import { defineScripts } from '../scripts/scripts.ts';

export type PolicyBegin =
  /** Until when the window's bulk rotation may run (Redis time, ms). */
  { kind: 'begun'; untilMs: number } | { kind: 'passed' | 'paused' | 'missing' };

/**
 * Rotation policies as the ledger keeps them. When they are due is BullMQ's to say: see `PolicyQueue`. Every
 * method is one atomic command, or a read.
 */
export interface Policies {
  /**
   * Records a policy for the assistants that are named, or for all of the org. Ids must be valid and
   * distinct. The same request id with the same arguments gives the one that was made first (`created`
   * false). Throws REQUEST_ID_REUSED, REQUEST_ID_SPENT where it was deleted, and TOO_MANY_POLICIES.
   */
  create(
    id: string,
    spec: PolicySpec,
    assistantIds: string[] | undefined,
  ): Promise<{ policy: RotationPolicy; created: boolean }>;
  /** Throws POLICY_NOT_FOUND. */
  get(id: string): Promise<RotationPolicy>;
  /** All of them, newest first. One whose entry cannot be read is left out. */
  list(filter?: { orgId?: string }): Promise<RotationPolicy[]>;
  /** Throws POLICY_NOT_FOUND. Safe to repeat. */
  setPaused(id: string, paused: boolean): Promise<RotationPolicy>;
  /** Throws POLICY_NOT_FOUND. */
  delete(id: string): Promise<void>;
  /** Of each assistant whether the policy is for it, as far as it names any. Throws POLICY_NOT_FOUND. */
  members(id: string, assistantIds: string[]): Promise<boolean[]>;
  /** Begins the window that was due at a moment. Safe to repeat: the answer is the same. */
  begin(id: string, dueMs: number): Promise<PolicyBegin>;
  /**
   * Notes the bulk rotation that was asked for in the window that was due then. Nothing happens where the
   * policy is gone.
   */
  noteBulk(id: string, dueMs: number, bulkId: string): Promise<void>;
}

const REQUEST_ID_TTL_SECONDS = 24 * 3600;
/** A command of an org's million assistants would hold up all others. */
const MEMBERS_AT_ONCE = 1000;

export const createPolicies = ({ redis, prefix }: { redis: Redis; prefix: string }): Policies => {
  const keys = ledgerKeys(prefix);
  const run = defineScripts(redis, keys.prefix);

  const write = async (id: string, ...fields: (string | number)[]): Promise<RotationPolicy | undefined> => {
    const [kind, hash] = await run['policy-write']([keys.policy(id)], fields);
    return kind === 'MISSING' ? undefined : parsePolicy(id, flatHash(hash));
  };

  return {
    create: async (id, { requestId = '', ...spec }, assistantIds) => {
      const digestOf = (orgId: string) =>
        createHash('sha256')
          .update(JSON.stringify([{ ...spec, orgId }, assistantIds?.toSorted()]))
          .digest('base64url');
      const [kind, ...rest] = await run['policy-create'](
        [
          keys.policy(id),
          keys.policyAssistants(id),
          keys.policies,
          ...(requestId === '' ? [] : [keys.policyRequest(requestId)]),
        ],
        [
          id,
          requestId,
          `${digestOf(spec.orgId)}/${digestOf(ORG_ALIAS)}`,
          REQUEST_ID_TTL_SECONDS,
          MAX_POLICIES,
          assistantIds?.length ?? '',
          ...(assistantIds ?? []),
          ...policyFields(spec),
        ],
      );
      if (kind === 'REUSED') throw new RekeyError('REQUEST_ID_REUSED');
      if (kind === 'SPENT') throw new RekeyError('REQUEST_ID_SPENT');
      if (kind === 'FULL')
        throw new RekeyError('TOO_MANY_POLICIES', { metadata: { limit: String(MAX_POLICIES) } });
      if (kind === 'KNOWN')
        return { created: false, policy: parsePolicy(String(rest[0]), flatHash(rest[1])) };
      return { created: true, policy: parsePolicy(id, flatHash(rest[0])) };
    },

    get: async (id) => {
      const hash = await redis.hgetall(keys.policy(id));
      if (Object.keys(hash).length === 0) throw new RekeyError('POLICY_NOT_FOUND');
      return parsePolicy(id, hash);
    },

    list: async ({ orgId } = {}) => {
      const ids = await redis.zrange(keys.policies, '+', '-', 'BYLEX', 'REV');
      const pipeline = redis.pipeline();
      for (const id of ids) pipeline.hgetall(keys.policy(id));
      const replies = (await pipeline.exec()) ?? [];
      return replies
        .map(([error, hash], i) => (error ? undefined : readable(ids[i]!, hash as Record<string, string>)))
        .filter(
          (policy) => policy !== undefined && (orgId === undefined || policy.orgId === orgId),
        ) as RotationPolicy[];
    },

    setPaused: async (id, paused) => {
      const policy = await write(id, 'paused', paused ? '1' : '');
      if (!policy) throw new RekeyError('POLICY_NOT_FOUND');
      return policy;
    },

    delete: async (id) => {
      const replies = await redis
        .multi()
        .zrem(keys.policies, id)
        .unlink(keys.policy(id), keys.policyAssistants(id))
        .exec();
      if (replies?.[0]?.[1] === 0) throw new RekeyError('POLICY_NOT_FOUND');
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

    begin: async (id, dueMs) => {
      const [kind, untilMs] = await run['policy-begin']([keys.policy(id)], [dueMs]);
      if (kind === 'BEGUN') return { kind: 'begun', untilMs: Number(untilMs) };
      return { kind: kind.toLowerCase() as 'passed' | 'paused' | 'missing' };
    },

    noteBulk: async (id, dueMs, bulkId) => {
      await write(id, 'bulk', bulkId, 'bulk_due', dueMs);
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
