import { randomUUID } from 'node:crypto';
import type { RotationState } from '../models/states.ts';
import type { CallOptions } from '../calls/calls.ts';
import { eachOf, withToken, type Page } from '../calls/pages.ts';
import { checkedMs } from '../calls/scopes.ts';
import { createServiceCalls, type ServiceDeps } from '../calls/service-calls.ts';
import type { RequestOf } from '../connection/transport.ts';
import { toRotation, toRotationTimeline, type Rotation, type RotationTimeline } from '../models/rotation.ts';
import { toDuration } from '../models/values.ts';
import { checkAcknowledgedBy, untilSucceeded, type AcknowledgedBy } from './rotation-end.ts';

interface RotateSecretKeyFields {
  /** The org, or `c` for the org of the API key. */
  orgId: string;
  assistantId: string;
  /** Why, for the record: up to 1024 bytes. Not for secrets. */
  reason?: string;
  /** A UUID: the same one within 24 hours returns the same rotation. Default: a new one. */
  requestId?: string;
}
export type RotateSecretKeyRequest = RotateSecretKeyFields &
  Omit<RequestOf<'RotationService', 'RotateSecretKey'>, keyof RotateSecretKeyFields>;

interface WaitRotationFields {
  id: string;
  /** How long to wait, in ms: up to 10 min. Default: 30 s. */
  timeoutMs?: number;
  /** Wait for its end (the default), or until consumers have applied its version. */
  until?: 'ENDED' | 'ACKNOWLEDGED';
  /** With ACKNOWLEDGED: these, live or not. If empty: all live consumers that may read the org. */
  consumers?: string[];
}
export type WaitRotationRequest = WaitRotationFields &
  Omit<RequestOf<'RotationService', 'WaitRotation'>, keyof WaitRotationFields | 'timeout'>;

interface RotationFilterFields {
  orgId?: string;
  assistantId?: string;
  state?: RotationState;
}
export type RotationFilter = RotationFilterFields &
  Omit<RequestOf<'RotationService', 'ListRotations'>, keyof RotationFilterFields | keyof Page>;

export interface RotationsPage {
  /** Newest first. May be shorter than requested, or empty, although more pages follow. */
  rotations: Rotation[];
  /** Not set on the last page. */
  nextPageToken?: string;
}

export interface TimeoutOptions {
  /** How long to wait, in ms. The rotation continues after it. */
  timeoutMs?: number;
  /** Ends the wait: it rejects with ABORTED. The rotation continues. */
  signal?: AbortSignal;
}

export interface WaitOptions extends TimeoutOptions {
  /**
   * Wait also until consumers have applied the new version: `'all'` live ones that may read the org (those
   * that are gone do not block, and are in the result), or the named ones, live or not. Default: none.
   */
  acknowledgedBy?: AcknowledgedBy;
}

export interface RotationMethods {
  /**
   * Requests a new secret key and waits until it is in force: up to 180 s by default, across restarts of the
   * gateway. Resolves with the rotation when it has SUCCEEDED.
   *
   * Rejects with `rotation` set: with the reason of the error table if it FAILED; ROTATION_CANCELLED;
   * ROTATION_NOT_ENDED after the timeout (the rotation continues: `waitUntilSucceeded(error.rotation.id)`).
   * With `acknowledgedBy` also, and the key is replaced then: ROTATION_NOT_ACKNOWLEDGED after the timeout
   * (`error.rotation.consumers` has the missing ones), CONSUMER_NOT_FOUND, CONSUMER_MAY_NOT_READ and
   * CONSUMERS_MISSING. Without `rotation` it is unknown whether the request was recorded: repeat it with
   * `error.requestId`.
   */
  rotateAndWait(request: RotateSecretKeyRequest, options?: WaitOptions): Promise<Rotation>;
  /** The second half of rotateAndWait. Safe to repeat. */
  waitUntilSucceeded(rotationId: string, options?: WaitOptions): Promise<Rotation>;
  /**
   * Resolves when the request is recorded, long before the key is replaced. INVALID_ARGUMENT,
   * REQUEST_ID_REUSED, REQUEST_ID_SPENT, REDIS_MEMORY_LOW, TOO_MANY_ROTATIONS.
   */
  rotateSecretKey(request: RotateSecretKeyRequest, options?: CallOptions): Promise<Rotation>;
  /** ROTATION_NOT_FOUND if there is none, or if it ended too long ago. */
  getRotation(id: string, options?: CallOptions): Promise<Rotation>;
  /** What happened to it, and when. ROTATION_NOT_FOUND. */
  getRotationTimeline(id: string, options?: CallOptions): Promise<RotationTimeline>;
  /** One page. */
  listRotations(request?: RotationFilter & Page, options?: CallOptions): Promise<RotationsPage>;
  /** All rotations, newest first, a page at a time. */
  rotations(filter?: RotationFilter & Pick<Page, 'pageSize'>, options?: CallOptions): AsyncIterable<Rotation>;
  /**
   * One WaitRotation: resolves with the rotation when it has ended (or, with `until`, was acknowledged), or
   * after the timeout, which is no error. Its default deadline is its `timeoutMs` and 5 s.
   */
  waitRotation(request: WaitRotationRequest, options?: CallOptions): Promise<Rotation>;
  /** ROTATION_NOT_CANCELLABLE as soon as its request may have been sent. Safe to repeat; not retried. */
  cancelRotation(id: string, options?: CallOptions): Promise<Rotation>;
}

const WAIT_MS = 30_000;
/** How much longer than its wait a WaitRotation may take. */
const ANSWER_WITHIN_MS = 5000;
/** Enough to read back an unknown outcome: the landing window and a second request. */
const ROTATE_AND_WAIT_MS = 180_000;
/** The largest page of the gateway. */
const PAGE_SIZE = 500;

export const createRotationMethods = (deps: ServiceDeps): RotationMethods => {
  const { transport, scopes, backoff } = deps;
  const { read, change } = createServiceCalls(deps, 'RotationService');

  const waitFor = async (
    id: string,
    last: Rotation | undefined,
    { timeoutMs, signal, acknowledgedBy }: WaitOptions & { timeoutMs: number },
  ): Promise<Rotation> => {
    const scope = scopes.open({ signal });
    try {
      return await untilSucceeded({ transport, scope, backoff }, id, {
        ...(last && { last }),
        acknowledgedBy,
        timeoutMs,
      });
    } finally {
      scope.end();
    }
  };

  const methods: RotationMethods = {
    rotateAndWait: async (request, { timeoutMs = ROTATE_AND_WAIT_MS, ...options } = {}) => {
      checkAcknowledgedBy(options.acknowledgedBy);
      const wholeMs = checkedMs('timeoutMs', timeoutMs);
      const endsAtMs = performance.now() + wholeMs;
      const rotation = await methods.rotateSecretKey(request, {
        deadlineMs: wholeMs,
        ...(options.signal && { signal: options.signal }),
      });
      return waitFor(rotation.id, rotation, { ...options, timeoutMs: endsAtMs - performance.now() });
    },
    waitUntilSucceeded: async (id, { timeoutMs = ROTATE_AND_WAIT_MS, ...options } = {}) => {
      checkAcknowledgedBy(options.acknowledgedBy);
      return waitFor(id, undefined, { ...options, timeoutMs: checkedMs('timeoutMs', timeoutMs) });
    },
    rotateSecretKey: async (request, options) => {
      const requestId = request.requestId || randomUUID();
      return change('RotateSecretKey', { ...request, requestId }, toRotation, {
        ...options,
        repeatable: true,
        requestId,
      });
    },
    getRotation: async (id, options) => read('GetRotation', { id }, toRotation, options),
    getRotationTimeline: async (id, options) =>
      read('GetRotationTimeline', { id }, toRotationTimeline, options),
    listRotations: async (request = {}, options) =>
      read(
        'ListRotations',
        request,
        (response): RotationsPage => withToken({ rotations: response.rotations.map(toRotation) }, response),
        options,
      ),
    rotations: (filter = {}, options) =>
      eachOf(async (pageToken) => {
        const page = await methods.listRotations({ pageSize: PAGE_SIZE, ...filter, pageToken }, options);
        return { items: page.rotations, nextPageToken: page.nextPageToken };
      }),
    waitRotation: async ({ timeoutMs = WAIT_MS, ...request }, options) =>
      read('WaitRotation', { ...request, timeout: toDuration(timeoutMs) }, toRotation, {
        ...options,
        deadlineMs: options?.deadlineMs ?? timeoutMs + ANSWER_WITHIN_MS,
      }),
    cancelRotation: async (id, options) => change('CancelRotation', { id }, toRotation, options),
  };
  return methods;
};
