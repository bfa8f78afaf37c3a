import { nextOpening, type Policies, type PolicyQueue } from '@rekey/ledger';
import { toProtoPolicy } from '@rekey/rpc';
import { nextUlid } from '@rekey/runtime';
import { PolicyId, RekeyError, type RotationPolicy } from '@rekey/schema';
import type { z } from 'zod';
import { defineClientStreamRpc, defineRpc, inItsOrg, type RpcTable } from '../pipeline/rpc.ts';
import { makePageToken, readPageToken } from '../requests/page-token.ts';
import { pageOf } from '../requests/pages.ts';
import { given } from '../requests/parse-request.ts';
import { ByPolicy, ListPolicies, collectPolicy, policyReader } from './policy-requests.ts';
import { UpdatePolicy, updatePolicy } from './policy-update.ts';

export interface PolicyServiceDeps {
  policies: Policies;
  policyQueue: PolicyQueue;
}

/** The stored policy, with the error if this gateway cannot compute its next window. */
const toMessage = (policy: RotationPolicy, nextDueMs: number | undefined) => {
  try {
    nextOpening(policy.window, Date.now());
    return toProtoPolicy(policy, nextDueMs);
  } catch (error) {
    return toProtoPolicy(policy, nextDueMs, error instanceof RekeyError ? error.code : 'INTERNAL');
  }
};

/**
 * Aligns the schedule with a policy of the ledger, which decides what exists. If this process dies before, a
 * worker aligns it.
 */
const alignSchedule = async (policyQueue: PolicyQueue, policy: RotationPolicy): Promise<RotationPolicy> => {
  const { id, paused, window } = policy;
  if (paused) await policyQueue.unschedule(id);
  else await policyQueue.schedule(id, window);
  return policy;
};

const listPolicies = async (
  { policies, policyQueue }: PolicyServiceDeps,
  { pageSize, pageToken, ...fields }: z.output<typeof ListPolicies>,
  sees: (orgId: string) => boolean,
) => {
  const filter = given(fields);
  const after = readPageToken(pageToken, filter, PolicyId);
  const [found, nextDues] = await Promise.all([policies.list(filter), policyQueue.nextDues()]);
  const seen = found.filter(({ orgId }) => sees(orgId));
  const { messages, next } = await pageOf(seen, {
    size: pageSize,
    after,
    placeOf: ({ id }) => id,
    isAfter: (id, other) => id < other,
    toMessage: (policy) => toMessage(policy, nextDues.get(policy.id)),
  });
  return { rotationPolicies: messages, nextPageToken: makePageToken(next, filter) };
};

export const createPolicyService = ({
  policies,
  policyQueue,
}: PolicyServiceDeps): RpcTable['RotationPolicyService'] => {
  const schedule = (policy: RotationPolicy) => alignSchedule(policyQueue, policy);

  const toResponse = async (policy: RotationPolicy) =>
    toMessage(policy, await policyQueue.nextDue(policy.id));

  const ofPolicy = inItsOrg((id) => policies.get(id), 'POLICY_NOT_FOUND');

  const setPaused = (paused: boolean) =>
    defineRpc({
      request: ByPolicy,
      permission: 'policies.update',
      ...ofPolicy,
      effect: 'durable-change',
      handler: async ({ id }, { actor }) => schedule(await policies.setPaused(id, paused, actor)),
      respond: toResponse,
    });

  return {
    CreateRotationPolicy: defineClientStreamRpc({
      request: policyReader,
      permission: 'policies.create',
      orgs: 'request',
      effect: 'accept',
      handler: async (parts, { actor }) => {
        const { spec, assistantIds } = await collectPolicy(parts);
        const { policy } = await policies.create(`pol_${nextUlid()}`, spec, assistantIds, actor);
        // Also for a policy that existed before: its gateway may have died before it was scheduled.
        return schedule(policy);
      },
      respond: toResponse,
    }),

    GetRotationPolicy: defineRpc({
      request: ByPolicy,
      permission: 'policies.read',
      ...ofPolicy,
      effect: 'read',
      handler: ({ id }) => policies.get(id),
      respond: toResponse,
    }),

    ListRotationPolicies: defineRpc({
      request: ListPolicies,
      permission: 'policies.read',
      orgs: 'listed',
      effect: 'read',
      handler: (request, { sees }) => listPolicies({ policies, policyQueue }, request, sees),
      respond: (page) => page,
    }),

    PauseRotationPolicy: setPaused(true),
    ResumeRotationPolicy: setPaused(false),

    UpdateRotationPolicy: defineRpc({
      request: UpdatePolicy,
      permission: 'policies.update',
      ...ofPolicy,
      effect: 'durable-change',
      handler: async ({ id, changes }, { actor }) =>
        schedule(await updatePolicy(policies, id, changes, actor)),
      respond: toResponse,
    }),

    DeleteRotationPolicy: defineRpc({
      request: ByPolicy,
      permission: 'policies.delete',
      ...ofPolicy,
      effect: 'change',
      handler: async ({ id }, { actor }) => {
        await policies.delete(id, actor);
        await policyQueue.unschedule(id);
      },
      respond: () => ({}),
    }),
  };
};
