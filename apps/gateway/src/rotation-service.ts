import type { Ledger, RotationQueue } from '@rekey/ledger';
import { toProtoRotation, type RotationServiceHandlers } from '@rekey/rpc';
import { nextUlid } from './next-ulid.ts';
import { makePageToken, readPageToken } from './page-token.ts';
import * as requests from './requests.ts';
import type { RotationWaiters } from './rotation-waiters.ts';
import type { ServiceMethod } from './service-method.ts';

/** Time left for the answer to travel when a caller's own deadline ends its wait. */
const ANSWER_MARGIN_MS = 100;

export interface RotationServiceDeps {
  ledger: Ledger;
  queue: RotationQueue;
  waiters: RotationWaiters;
}

export const createRotationService = (method: ServiceMethod, { ledger, queue, waiters }: RotationServiceDeps): RotationServiceHandlers => ({
  RotateSecretKey: method(async (request) => {
    const { rotation } = await ledger.accept(`rot_${nextUlid()}`, requests.parseRequest(requests.RotateSecretKey, request));
    // Also for one that was there already: its gateway may have died before it was queued, and queuing twice is nothing.
    if (rotation.state === 'QUEUED') {
      await queue.add({ rotationId: rotation.id, orgId: rotation.orgId, assistantId: rotation.assistantId });
    }
    return toProtoRotation(rotation);
  }),

  GetRotation: method(async (request) => {
    const { id } = requests.parseRequest(requests.ById, request);
    return toProtoRotation(await ledger.get(id));
  }),

  ListRotations: method(async (request) => {
    const { pageSize, pageToken, ...filter } = requests.parseRequest(requests.ListRotations, request);
    const given = Object.fromEntries(Object.entries(filter).filter(([, value]) => value !== undefined));
    const after = readPageToken(pageToken, given);
    const { rotations, next } = await ledger.list(given, { size: pageSize, ...(after !== undefined && { after }) });
    return { rotations: rotations.map(toProtoRotation), nextPageToken: next === undefined ? '' : makePageToken(next, given) };
  }),

  WaitRotation: method(async (request, { signal, deadlineMs }) => {
    const { id, timeoutMs } = requests.parseRequest(requests.WaitRotation, request);
    const leftMs = deadlineMs === undefined ? timeoutMs : deadlineMs - Date.now() - ANSWER_MARGIN_MS;
    return toProtoRotation(await waiters.wait(id, { timeoutMs: Math.min(timeoutMs, leftMs), signal }));
  }),

  CancelRotation: method(async (request) => {
    const { id } = requests.parseRequest(requests.ById, request);
    return toProtoRotation(await ledger.cancel(id));
  }),
});
