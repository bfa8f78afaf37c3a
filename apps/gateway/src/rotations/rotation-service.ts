import type { Ledger, RotationQueue } from '@rekey/ledger';
import { toProtoRotation, toProtoStep } from '@rekey/rpc';
import { nextUlid } from '@rekey/runtime';
import {
  RekeyError,
  RotationId,
  isAcknowledged,
  isEnded,
  type Consumer,
  type Rotation,
  type RotationRequest,
} from '@rekey/schema';
import type { z } from 'zod';
import { orgOfRecord } from '../assistants/published-record.ts';
import type { Acknowledgements } from '../consumers/acknowledgements.ts';
import type { WorkerLiveness } from '../health/worker-liveness.ts';
import { defineRpc, inItsOrg, type RpcContext, type RpcTable } from '../pipeline/rpc.ts';
import { makePageToken, placeOfPage, readPageToken } from '../requests/page-token.ts';
import { given } from '../requests/parse-request.ts';
import { ByRotation, ListRotations, RotateSecretKey, WaitRotation } from './rotation-requests.ts';
import { timelineOf, type TimelineDeps } from './rotation-timeline.ts';
import type { RotationWaiters } from './rotation-waiters.ts';

/** Time for the response to travel if the caller's own deadline ends its wait. */
const RESPONSE_MARGIN_MS = 100;

export interface RotationServiceDeps extends Omit<TimelineDeps, 'ledger'> {
  ledger: Ledger;
  queue: RotationQueue;
  waiters: RotationWaiters;
  acknowledgements: Acknowledgements;
  liveness: WorkerLiveness;
}

/** Rejects unless the caller may act in the org that the current record of the assistant names. */
const requireOrgOfRecord = async (
  { assistants }: Pick<Ledger, 'assistants'>,
  { assistantId }: RotationRequest,
  requireOrg: NonNullable<RpcContext['requireOrg']>,
): Promise<void> => {
  const current = await assistants.current(assistantId);
  if (current !== undefined) await requireOrg(orgOfRecord(current.event));
};

/** Records a rotation and enqueues it. Safe to repeat with the same request id. */
const acceptRotation = async (
  { ledger, queue }: Pick<RotationServiceDeps, 'ledger' | 'queue'>,
  request: RotationRequest,
  { actor, requireOrg }: Pick<RpcContext, 'actor' | 'requireOrg'>,
): Promise<Rotation> => {
  const { rotation } = await ledger.rotations
    .accept(`rot_${nextUlid()}`, request, actor, requireOrg)
    .catch(async (error: unknown) => {
      if (error instanceof RekeyError && error.code === 'LEDGER_CORRUPT') {
        // The command could not tell the org of the assistant. Another org's caller learns nothing of it.
        if (requireOrg) await requireOrgOfRecord(ledger, request, requireOrg);
        // The check finds the corrupt entry and quarantines the assistant.
        await ledger.assistants.requestCheck(request, 0);
      }
      throw error;
    });
  // Also for a rotation that existed before: its gateway may have died before it enqueued the job. Adding a
  // job twice has no effect.
  if (rotation.state === 'QUEUED')
    await queue.add({ rotationId: rotation.id, orgId: rotation.orgId, assistantId: rotation.assistantId });
  return rotation;
};

const cancelRotation = async (
  { rotations }: Ledger,
  id: string,
  { actor, requireOwn }: RpcContext,
): Promise<Rotation> => {
  await requireOwn(await rotations.get(id));
  return rotations.cancel(id, actor);
};

/**
 * An assistant is rotated once at a time, under whatever org it was asked for. The command that accepts the
 * rotation reads which org that is: another read before it would delay every call.
 */
const checkedByAccept = { checkedWithin: true, notFound: 'ASSISTANT_NOT_FOUND' } as const;

const timelineRpc = (deps: RotationServiceDeps, ofRotation: ReturnType<typeof inItsOrg>) =>
  defineRpc({
    request: ByRotation,
    permission: 'rotations.read',
    ...ofRotation,
    effect: 'read',
    handler: async ({ id }) => {
      const rotation = await deps.ledger.rotations.get(id);
      const states = await deps.acknowledgements.of(rotation);
      return { rotation, states, steps: await timelineOf(deps, rotation, states) };
    },
    respond: async ({ rotation, states, steps }) => ({
      rotation: toProtoRotation(rotation, states, await deps.liveness.noLiveWorker()),
      steps: steps.map(toProtoStep),
    }),
  });

/** Waits are refused while there is no room for them, but for what has ended already. */
const GONE = AbortSignal.abort();

const waitRpc = (
  { waiters, acknowledgements, liveness }: RotationServiceDeps,
  ofRotation: ReturnType<typeof inItsOrg>,
) => {
  type Request = z.output<typeof WaitRotation>;
  const statesOf = (
    rotation: Rotation,
    { until, consumers }: Request,
    { sees }: RpcContext,
    signal: AbortSignal,
  ) =>
    until === 'ACKNOWLEDGED'
      ? acknowledgements.wait(rotation, consumers, signal, ({ orgs }: Consumer) => orgs.every(sees))
      : acknowledgements.of(rotation);
  return defineRpc({
    request: WaitRotation,
    permission: 'rotations.wait',
    waits: async (request, context) => {
      const rotation = await waiters.now(request.id);
      if (!isEnded(rotation.state)) return undefined;
      const states = await statesOf(rotation, request, context, GONE);
      const isOver =
        request.until !== 'ACKNOWLEDGED' || states.length === 0 || isAcknowledged(states, request.consumers);
      return isOver ? { rotation, states } : undefined;
    },
    ...ofRotation,
    effect: 'read',
    handler: async (request, context) => {
      const { deadlineMs = Infinity } = context;
      const waitMs = Math.min(request.timeoutMs, deadlineMs - Date.now() - RESPONSE_MARGIN_MS);
      const endsAtMs = performance.now() + waitMs;
      const ended = waiters.wait(request.id, { timeoutMs: waitMs, caller: context });
      // Without `await`, this function holds nothing while the call waits.
      if (request.until !== 'ACKNOWLEDGED')
        return ended.then(async (rotation) => ({ rotation, states: await acknowledgements.of(rotation) }));
      const rotation = await ended;
      const leftMs = Math.max(Math.ceil(endsAtMs - performance.now()), 0);
      const timeUp = AbortSignal.any([context.signal, AbortSignal.timeout(leftMs)]);
      return { rotation, states: await statesOf(rotation, request, context, timeUp) };
    },
    respond: async ({ rotation, states }) => toProtoRotation(rotation, states, await liveness.noLiveWorker()),
  });
};

export const createRotationService = (deps: RotationServiceDeps): RpcTable['RotationService'] => {
  const { ledger, acknowledgements, liveness } = deps;
  const ofRotation = inItsOrg((id) => ledger.rotations.get(id), 'ROTATION_NOT_FOUND');
  return {
    RotateSecretKey: defineRpc({
      request: RotateSecretKey,
      permission: 'rotations.create',
      orgs: 'request',
      ...checkedByAccept,
      effect: 'accept',
      handler: (request, context) => acceptRotation(deps, request, context),
      respond: (rotation) => toProtoRotation(rotation),
    }),

    GetRotation: defineRpc({
      request: ByRotation,
      permission: 'rotations.read',
      ...ofRotation,
      effect: 'read',
      handler: ({ id }) => ledger.rotations.get(id),
      respond: async (rotation) =>
        toProtoRotation(rotation, await acknowledgements.of(rotation), await liveness.noLiveWorker()),
    }),

    GetRotationTimeline: timelineRpc(deps, ofRotation),

    ListRotations: defineRpc({
      request: ListRotations,
      permission: 'rotations.read',
      orgs: 'listed',
      effect: 'read',
      handler: async ({ pageSize, pageToken, ...fields }, { sees }) => {
        const filter = given(fields);
        const after = readPageToken(pageToken, filter, RotationId);
        const { rotations, next } = await ledger.rotations.list(filter, {
          size: pageSize,
          sees,
          ...given({ after }),
        });
        return { rotations, nextPageToken: makePageToken(placeOfPage(next, rotations, after), filter) };
      },
      respond: ({ rotations, nextPageToken }) => ({
        rotations: rotations.map((rotation) => toProtoRotation(rotation)),
        nextPageToken,
      }),
    }),

    WaitRotation: waitRpc(deps, ofRotation),

    CancelRotation: defineRpc({
      request: ByRotation,
      permission: 'rotations.cancel',
      ofOthers: 'rotations.cancelOthers',
      ...ofRotation,
      effect: 'change',
      handler: ({ id }, context) => cancelRotation(ledger, id, context),
      respond: (rotation) => toProtoRotation(rotation),
    }),
  };
};
