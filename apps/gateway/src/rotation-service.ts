import type { Ledger, RotationQueue } from '@rekey/ledger';
import { toProtoRotation, type RotationServiceHandlers } from '@rekey/rpc';
import { nextUlid } from '@rekey/runtime';
import { RekeyError, RotationId, type ErrorCode } from '@rekey/schema';
import { makePageToken, readPageToken } from './page-token.ts';
import * as requests from './requests.ts';
import type { ConsumersReach } from './consumer-reach.ts';
import type { RotationWaiters } from './rotation-waiters.ts';
import type { Liveness } from './liveness.ts';
import type { ServiceMethod } from './service-method.ts';

/** Time left for the answer to travel when a caller's own deadline ends its wait. */
const ANSWER_MARGIN_MS = 100;

export interface RotationServiceDeps {
  ledger: Ledger;
  queue: RotationQueue;
  waiters: RotationWaiters;
  reach: ConsumersReach;
  liveness: Liveness;
  /** Why nothing new is accepted at present; undefined where nothing is in its way. */
  holdBack: () => ErrorCode | undefined;
  /**
   * Resolves with true when what was written is as durable as Redis is told to make it; only then is a
   * rotation answered.
   */
  confirmDurable: () => Promise<boolean>;
}

export const createRotationService = (
  method: ServiceMethod,
  { ledger, queue, waiters, reach, liveness, holdBack, confirmDurable }: RotationServiceDeps,
): RotationServiceHandlers => ({
  RotateSecretKey: method(async (request) => {
    const wanted = requests.parseRequest(requests.RotateSecretKey, request);
    const refusal = holdBack();
    if (refusal !== undefined) throw new RekeyError(refusal);
    const { rotation } = await ledger.accept(`rot_${nextUlid()}`, wanted).catch(async (error: unknown) => {
      // The check that follows finds which entry it is, and puts the assistant in quarantine.
      if (error instanceof RekeyError && error.code === 'LEDGER_CORRUPT')
        await ledger.requestCheck(wanted, 0);
      throw error;
    });
    // Also for one that was there already: its gateway may have died before it was queued, and queuing twice
    // is nothing.
    if (rotation.state === 'QUEUED') {
      await queue.add({ rotationId: rotation.id, orgId: rotation.orgId, assistantId: rotation.assistantId });
    }
    // Also for one that was there already: the answer before may have been this refusal.
    if (!(await confirmDurable())) throw new RekeyError('REPLICAS_MISSING');
    return toProtoRotation(rotation);
  }),

  GetRotation: method(async (request) => {
    const { id } = requests.parseRequest(requests.ById, request);
    const rotation = await ledger.get(id);
    return toProtoRotation(rotation, await reach.of(rotation), await liveness.noLiveWorker());
  }),

  ListRotations: method(async (request) => {
    const { pageSize, pageToken, ...filter } = requests.parseRequest(requests.ListRotations, request);
    const given = requests.given(filter);
    const after = readPageToken(pageToken, given, RotationId);
    const { rotations, next } = await ledger.list(given, {
      size: pageSize,
      ...(after !== undefined && { after }),
    });
    return {
      rotations: rotations.map((rotation) => toProtoRotation(rotation)),
      nextPageToken: next === undefined ? '' : makePageToken(next, given),
    };
  }),

  WaitRotation: method(async (request, { signal, deadlineMs }) => {
    const { id, timeoutMs, until, consumers } = requests.parseRequest(requests.WaitRotation, request);
    const leftMs = Math.min(
      timeoutMs,
      deadlineMs === undefined ? timeoutMs : deadlineMs - Date.now() - ANSWER_MARGIN_MS,
    );
    const over = AbortSignal.any([signal, AbortSignal.timeout(Math.max(Math.ceil(leftMs), 0))]);
    const rotation = await waiters.wait(id, { timeoutMs: leftMs, signal });
    return toProtoRotation(
      rotation,
      until === 'ACKNOWLEDGED' ? await reach.wait(rotation, consumers, over) : await reach.of(rotation),
      await liveness.noLiveWorker(),
    );
  }),

  CancelRotation: method(async (request) => {
    const { id } = requests.parseRequest(requests.ById, request);
    return toProtoRotation(await ledger.cancel(id));
  }),
});
