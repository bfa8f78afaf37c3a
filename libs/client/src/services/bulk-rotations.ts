import { randomUUID } from 'node:crypto';
import type { BulkItemState, BulkState } from '../models/states.ts';
import type { CallOptions } from '../calls/calls.ts';
import type { Ids } from '../calls/id-messages.ts';
import { eachOf, withToken, type Page } from '../calls/pages.ts';
import { createServiceCalls, type ServiceDeps } from '../calls/service-calls.ts';
import type { RequestOf } from '../connection/transport.ts';
import {
  toBulkItem,
  toBulkRotation,
  type BulkItem,
  type BulkRotation,
  type Canary,
} from '../models/bulk-rotation.ts';
import { toTimestamp, type FailureLimit } from '../models/values.ts';
import { watchBulk, type WatchOptions } from './bulk-watch.ts';

interface CreateBulkRotationFields {
  /** The org, or `c` for the org of the API key. */
  orgId: string;
  /** Why, for the record: up to 1024 bytes. Not for secrets. */
  reason?: string;
  /** A UUID: the same one within 24 hours returns the same bulk rotation. Default: a new one. */
  requestId?: string;
  /** These assistants, up to two million; duplicates count once. `Ids` says which iterables can be resent. */
  assistantIds?: Ids;
  /** In place of assistantIds: all that Invent lists for the org, filtered by the next three fields. */
  allAssistants?: boolean;
  /** With allAssistants: only those that Invent finds by this term. */
  search?: string;
  /** With allAssistants: leave out those whose key is known to be newer. */
  rotatedBefore?: Date;
  /** With allAssistants: leave these out, up to 100,000. */
  excludeAssistantIds?: Ids;
  /** Before all bulk rotations that are not urgent. */
  urgent?: boolean;
  /** A dry run. */
  validateOnly?: boolean;
  /** Rotate some assistants first. */
  canary?: Canary;
  /** Default: `{ percent: 5 }`. */
  maxFailures?: FailureLimit;
  /**
   * Consumers that must be live and have applied everything published; otherwise nothing starts:
   * CONSUMERS_MISSING. Up to 100.
   */
  requireConsumers?: string[];
}
export type CreateBulkRotationRequest = CreateBulkRotationFields &
  Omit<RequestOf<'BulkRotationService', 'CreateBulkRotation'>, keyof CreateBulkRotationFields>;

interface BulkFilterFields {
  orgId?: string;
  state?: BulkState;
}
export type BulkFilter = BulkFilterFields &
  Omit<RequestOf<'BulkRotationService', 'ListBulkRotations'>, keyof BulkFilterFields | keyof Page>;

interface BulkItemsFields {
  id: string;
  state?: BulkItemState;
}
export type BulkItemsRequest = BulkItemsFields &
  Page &
  Omit<RequestOf<'BulkRotationService', 'ListBulkRotationItems'>, keyof BulkItemsFields | keyof Page>;

export interface BulkRotationsPage {
  /** Newest first. */
  bulkRotations: BulkRotation[];
  /** Not set on the last page. */
  nextPageToken?: string;
}

export interface BulkItemsPage {
  /** In the order of the request, or of Invent's list. */
  items: BulkItem[];
  /** Not set on the last page. */
  nextPageToken?: string;
}

export interface BulkRotationMethods {
  /**
   * Streams the ids in messages of up to 64 KiB, and reads `assistantIds` as fast as the gateway accepts
   * them. If the connection is lost, the client sends everything again with the same request id, provided
   * that the ids can be read again (see `Ids`). Nothing starts before all ids have arrived.
   * INVALID_ARGUMENT, REQUEST_ID_REUSED, CONSUMERS_MISSING; rejects with errors that the iterable throws.
   */
  createBulkRotation(request: CreateBulkRotationRequest, options?: CallOptions): Promise<BulkRotation>;
  /** BULK_NOT_FOUND if there is none, or if it ended too long ago; so do all methods that take its id. */
  getBulkRotation(id: string, options?: CallOptions): Promise<BulkRotation>;
  /** One page. */
  listBulkRotations(request?: BulkFilter & Page, options?: CallOptions): Promise<BulkRotationsPage>;
  /** All bulk rotations, newest first, one page at a time. */
  bulkRotations(
    filter?: BulkFilter & Pick<Page, 'pageSize'>,
    options?: CallOptions,
  ): AsyncIterable<BulkRotation>;
  /**
   * Yields the current state of a bulk rotation, and each change (at most once a second), until it ends.
   * Reconnects if the connection is lost.
   */
  watchBulkRotation(id: string, options?: WatchOptions): AsyncIterable<BulkRotation>;
  /** BULK_STATE if there is nothing left to start. Safe to repeat; not retried. So are the next two. */
  pauseBulkRotation(id: string, options?: CallOptions): Promise<BulkRotation>;
  resumeBulkRotation(id: string, options?: CallOptions): Promise<BulkRotation>;
  cancelBulkRotation(id: string, options?: CallOptions): Promise<BulkRotation>;
  /**
   * Retries the FAILED assistants of a COMPLETED bulk rotation. BULK_STATE otherwise, also if an earlier try
   * of the same call has taken effect.
   */
  retryBulkRotation(id: string, options?: CallOptions): Promise<BulkRotation>;
  /** One page. */
  listBulkRotationItems(request: BulkItemsRequest, options?: CallOptions): Promise<BulkItemsPage>;
  /** Every assistant of a bulk rotation, or those in one state, one page at a time. */
  bulkItems(
    id: string,
    filter?: Omit<BulkItemsRequest, 'id' | 'pageToken'>,
    options?: CallOptions,
  ): AsyncIterable<BulkItem>;
}

/** The largest pages of the gateway. */
const PAGE_SIZE = 100;
const ITEMS_PAGE_SIZE = 1000;

export const createBulkRotationMethods = (deps: ServiceDeps): BulkRotationMethods => {
  const { transport, scopes, backoff } = deps;
  const { read, change, send } = createServiceCalls(deps, 'BulkRotationService');

  const methods: BulkRotationMethods = {
    createBulkRotation: async (
      { assistantIds, excludeAssistantIds, rotatedBefore, requestId = '', ...request },
      options,
    ) =>
      send(
        'CreateBulkRotation',
        {
          ...request,
          requestId: requestId || randomUUID(),
          ...(rotatedBefore && { rotatedBefore: toTimestamp(rotatedBefore) }),
        },
        { assistantIds, excludeAssistantIds },
        toBulkRotation,
        options,
      ),
    getBulkRotation: async (id, options) => read('GetBulkRotation', { id }, toBulkRotation, options),
    listBulkRotations: async (request = {}, options) =>
      read(
        'ListBulkRotations',
        request,
        (response): BulkRotationsPage =>
          withToken({ bulkRotations: response.bulkRotations.map(toBulkRotation) }, response),
        options,
      ),
    bulkRotations: (filter = {}, options) =>
      eachOf(async (pageToken) => {
        const page = await methods.listBulkRotations({ pageSize: PAGE_SIZE, ...filter, pageToken }, options);
        return { items: page.bulkRotations, nextPageToken: page.nextPageToken };
      }),
    watchBulkRotation: async function* (id, options = {}) {
      const scope = scopes.open({ signal: options.signal });
      try {
        yield* watchBulk({ transport, scope, backoff }, id, options);
      } finally {
        scope.end();
      }
    },
    pauseBulkRotation: async (id, options) => change('PauseBulkRotation', { id }, toBulkRotation, options),
    resumeBulkRotation: async (id, options) => change('ResumeBulkRotation', { id }, toBulkRotation, options),
    cancelBulkRotation: async (id, options) => change('CancelBulkRotation', { id }, toBulkRotation, options),
    retryBulkRotation: async (id, options) => change('RetryBulkRotation', { id }, toBulkRotation, options),
    listBulkRotationItems: async (request, options) =>
      read(
        'ListBulkRotationItems',
        request,
        (response): BulkItemsPage => withToken({ items: response.items.map(toBulkItem) }, response),
        { ...options, bulkRotationId: request.id },
      ),
    bulkItems: (id, filter = {}, options) =>
      eachOf(async (pageToken) => {
        const request = { pageSize: ITEMS_PAGE_SIZE, ...filter, id, pageToken };
        const { items, nextPageToken } = await methods.listBulkRotationItems(request, options);
        return { items, nextPageToken };
      }),
  };
  return methods;
};
