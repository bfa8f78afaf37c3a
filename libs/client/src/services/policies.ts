import { randomUUID } from 'node:crypto';
import type { CallOptions } from '../calls/calls.ts';
import type { Ids } from '../calls/id-messages.ts';
import { allOf } from '../calls/pages.ts';
import { createServiceCalls, type ServiceDeps } from '../calls/service-calls.ts';
import type { RequestOf } from '../connection/transport.ts';
import { toPolicy, type RotationPolicy } from '../models/policy.ts';
import { toDuration, type FailureLimit } from '../models/values.ts';

interface CreateRotationPolicyFields {
  /** The org, or `c` for the org of the API key. */
  orgId: string;
  reason?: string;
  /** A UUID: the same one within 24 hours returns the same policy. Default: a new one. */
  requestId?: string;
  /** These assistants, up to 10,000. */
  assistantIds?: Ids;
  /** In place of assistantIds: all that Invent lists for the org when a window opens. */
  allAssistants?: boolean;
  /** Replace each key every N days: 1 to 3650. */
  everyDays: number;
  /**
   * When keys may be replaced. Default of each field:
   * `{ cron: '0 2 * * *', timeZone: 'UTC', lengthMs: 14_400_000 }`.
   */
  window?: { cron?: string; timeZone?: string; lengthMs?: number };
  /** Default: `{ percent: 5 }`. */
  maxFailures?: FailureLimit;
}
export type CreateRotationPolicyRequest = CreateRotationPolicyFields &
  Omit<RequestOf<'RotationPolicyService', 'CreateRotationPolicy'>, keyof CreateRotationPolicyFields>;

/** A field that is absent stays as it is. */
interface PolicyChanges {
  /** From 1 to 3650. Keys that are overdue then are taken in the next window. */
  everyDays?: number;
  window?: { cron?: string; timeZone?: string; lengthMs?: number };
  maxFailures?: FailureLimit;
  reason?: string;
}

export interface PolicyMethods {
  /** As createBulkRotation. REQUEST_ID_SPENT, TOO_MANY_POLICIES, POLICIES_TOO_LARGE. */
  createRotationPolicy(request: CreateRotationPolicyRequest, options?: CallOptions): Promise<RotationPolicy>;
  /** POLICY_NOT_FOUND; so do all methods that take its id. */
  getRotationPolicy(id: string, options?: CallOptions): Promise<RotationPolicy>;
  /** All policies, newest first: up to 1000. Each page has the deadline. */
  listRotationPolicies(filter?: { orgId?: string }, options?: CallOptions): Promise<RotationPolicy[]>;
  /** Changes the given fields; running terms and the last window are kept. Safe to repeat; not retried. */
  updateRotationPolicy(id: string, changes: PolicyChanges, options?: CallOptions): Promise<RotationPolicy>;
  /** Safe to repeat; not retried. So is the next one. */
  pauseRotationPolicy(id: string, options?: CallOptions): Promise<RotationPolicy>;
  resumeRotationPolicy(id: string, options?: CallOptions): Promise<RotationPolicy>;
  /** Rejects with POLICY_NOT_FOUND if repeated. */
  deleteRotationPolicy(id: string, options?: CallOptions): Promise<void>;
}

/** The largest page of the gateway. */
const PAGE_SIZE = 500;

export const createPolicyMethods = (deps: ServiceDeps): PolicyMethods => {
  const { read, change, send } = createServiceCalls(deps, 'RotationPolicyService');
  return {
    createRotationPolicy: async ({ assistantIds, window, requestId = '', ...request }, options) => {
      const { lengthMs, ...rest } = window ?? {};
      return send(
        'CreateRotationPolicy',
        {
          ...request,
          requestId: requestId || randomUUID(),
          ...(window && {
            window: { ...rest, ...(lengthMs !== undefined && { length: toDuration(lengthMs) }) },
          }),
        },
        { assistantIds },
        toPolicy,
        options,
      );
    },
    getRotationPolicy: async (id, options) => read('GetRotationPolicy', { id }, toPolicy, options),
    listRotationPolicies: async (filter = {}, options) =>
      allOf((pageToken) =>
        read(
          'ListRotationPolicies',
          { ...filter, pageSize: PAGE_SIZE, pageToken },
          ({ rotationPolicies, nextPageToken }) => ({ items: rotationPolicies.map(toPolicy), nextPageToken }),
          options,
        ),
      ),
    updateRotationPolicy: async (id, changes, options) =>
      change('UpdateRotationPolicy', toUpdate(id, changes), toPolicy, options),
    pauseRotationPolicy: async (id, options) => change('PauseRotationPolicy', { id }, toPolicy, options),
    resumeRotationPolicy: async (id, options) => change('ResumeRotationPolicy', { id }, toPolicy, options),
    deleteRotationPolicy: async (id, options) => change('DeleteRotationPolicy', { id }, () => {}, options),
  };
};

/** The given fields, and the mask that names them (AIP-134). */
const toUpdate = (id: string, { window = {}, ...fields }: PolicyChanges) => {
  const { lengthMs, ...rest } = window;
  const paths = {
    every_days: fields.everyDays,
    'window.cron': window.cron,
    'window.time_zone': window.timeZone,
    'window.length': lengthMs,
    max_failures: fields.maxFailures,
    reason: fields.reason,
  };
  return {
    rotationPolicy: {
      ...fields,
      id,
      window: { ...rest, ...(lengthMs !== undefined && { length: toDuration(lengthMs) }) },
    },
    updateMask: {
      paths: Object.entries(paths).flatMap(([path, value]) => (value === undefined ? [] : [path])),
    },
  };
};
