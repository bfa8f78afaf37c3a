import { nextOpening, type Policies, type PolicyQueue } from '@rekey/ledger';
import { toProtoPolicy, type RotationPolicyServiceHandlers } from '@rekey/rpc';
import { nextUlid } from '@rekey/runtime';
import { PolicyId, RekeyError, type ErrorCode, type RotationPolicy } from '@rekey/schema';
import { ByPolicy, ListPolicies, readPolicy } from './policy-requests.ts';
import { makePageToken, readPageToken } from './page-token.ts';
import { pageOf } from './pages.ts';
import { given, parseRequest } from './requests.ts';
import type { ServiceMethod, StreamingMethods } from './service-method.ts';

export interface PolicyServiceDeps {
  policies: Policies;
  policyQueue: PolicyQueue;
  /** Why nothing new is accepted at present; undefined where nothing is in its way. */
  holdBack: () => ErrorCode | undefined;
  /**
   * Resolves with true when what was written is as durable as Redis is told to make it; only then is a policy
   * answered.
   */
  confirmDurable: () => Promise<boolean>;
}

/** As it is stored, and whether this gateway can compute its next window. */
const show = (policy: RotationPolicy, nextDueMs: number | undefined) => {
  try {
    nextOpening(policy.window, Date.now());
    return toProtoPolicy(policy, nextDueMs);
  } catch (error) {
    return toProtoPolicy(policy, nextDueMs, error instanceof RekeyError ? error.code : 'INTERNAL');
  }
};

export const createPolicyService = (
  method: ServiceMethod,
  streaming: StreamingMethods,
  { policies, policyQueue, holdBack, confirmDurable }: PolicyServiceDeps,
): RotationPolicyServiceHandlers => {
  /**
   * The ledger says which policies there are; a worker aligns BullMQ with it where this process dies in
   * between.
   */
  const schedule = async ({ id, paused, window }: RotationPolicy): Promise<void> => {
    if (paused) await policyQueue.unschedule(id);
    else await policyQueue.schedule(id, window);
  };

  const scheduled = async (policy: RotationPolicy) => {
    await schedule(policy);
    if (!(await confirmDurable())) throw new RekeyError('REPLICAS_MISSING');
    return show(policy, await policyQueue.nextDue(policy.id));
  };

  const setPaused = (paused: boolean) =>
    method(async (request) => {
      const { id } = parseRequest(ByPolicy, request);
      return scheduled(await policies.setPaused(id, paused));
    });

  return {
    CreateRotationPolicy: streaming.clientStreaming(async (messages) => {
      const { spec, assistantIds } = await readPolicy(messages);
      const refusal = holdBack();
      if (refusal !== undefined) throw new RekeyError(refusal);
      const { policy } = await policies.create(`pol_${nextUlid()}`, spec, assistantIds);
      // Also one that was there already: its gateway may have died before it was scheduled.
      return scheduled(policy);
    }),

    GetRotationPolicy: method(async (request) => {
      const { id } = parseRequest(ByPolicy, request);
      const [policy, nextDueMs] = await Promise.all([policies.get(id), policyQueue.nextDue(id)]);
      return show(policy, nextDueMs);
    }),

    ListRotationPolicies: method(async (request) => {
      const { pageSize, pageToken, ...filter } = parseRequest(ListPolicies, request);
      const wanted = given(filter);
      const after = readPageToken(pageToken, wanted, PolicyId);
      const [found, nextDues] = await Promise.all([policies.list(wanted), policyQueue.nextDues()]);
      const { items, next } = await pageOf(found, {
        size: pageSize,
        after,
        placeOf: ({ id }) => id,
        isAfter: (id, other) => id < other,
        show: (policy) => show(policy, nextDues.get(policy.id)),
      });
      return {
        rotationPolicies: items,
        nextPageToken: next === undefined ? '' : makePageToken(next, wanted),
      };
    }),

    PauseRotationPolicy: setPaused(true),
    ResumeRotationPolicy: setPaused(false),

    DeleteRotationPolicy: method(async (request) => {
      const { id } = parseRequest(ByPolicy, request);
      await policies.delete(id);
      await policyQueue.unschedule(id);
      return {};
    }),
  };
};
