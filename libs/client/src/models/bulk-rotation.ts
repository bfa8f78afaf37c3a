import type { BulkCounts } from '@rekey/schema';
import type { BulkItemState, BulkState } from './states.ts';
import type { ResponseOf } from '../connection/transport.ts';
import {
  consumerAcknowledgements,
  date,
  explanation,
  failureLimit,
  milliseconds,
  number,
  setDate,
  state,
  text,
  withoutUnset,
  type ConsumerAcknowledgement,
  type Explanation,
  type FailureLimit,
} from './values.ts';

/** Assistants to rotate first, before all others. */
export interface Canary {
  count: number;
  /** Whether the bulk rotation resumes without an operator if the whole canary has succeeded. */
  continues: boolean;
  /**
   * With `continues`: resume only after every live consumer that may read the org has applied the canary's
   * keys. Until then the bulk rotation is PAUSED with CANARY_AWAITS_CONSUMERS.
   */
  awaitsConsumers?: boolean;
}

/** Rotations of many assistants, requested at once. */
export interface BulkRotation {
  /** `blk_` and 26 characters. */
  id: string;
  orgId: string;
  /** COMPLETED, FAILED, CANCELLED and VALIDATED are end states. PAUSED and HALTED need action: see `stop`. */
  state: BulkState;
  reason: string;
  requestId?: string;
  createTime: Date;
  startTime?: Date;
  updateTime: Date;
  endTime?: Date;
  urgent: boolean;
  /** A dry run. */
  validateOnly: boolean;
  /** Whether the request listed the assistants by id. */
  explicit: boolean;
  search?: string;
  rotatedBefore?: Date;
  canary?: Canary;
  maxFailures?: FailureLimit;
  counts: BulkCounts;
  /** Why it is PAUSED, HALTED, FAILED or CANCELLED. */
  stop?: Explanation;
  /** Assistants that ended per second, recently. */
  rate?: number;
  /** Estimated time to its end, in ms. */
  remainingMs?: number;
  /** Requests to Invent and their duration, as soon as the assistants are known. */
  estimate?: BulkEstimate;
  /** In VERIFYING and COMPLETED: the result of the final comparison with Invent. */
  verification?: BulkVerification;
  /** What Invent's list of the org held. Not set if the request listed the assistants. */
  list?: BulkList;
  /** Newest first, up to ten. */
  lastFailures: BulkFailure[];
  /** The policy that created it. */
  policyId?: string;
  /** No worker is live: the bulk rotation is blocked until one starts. Never set in end states. */
  noLiveWorker?: true;
  /** The principal that requested it, or its policy. */
  requestedBy?: string;
  /** Whether each consumer that may read the org has applied all keys replaced so far. Not set in lists. */
  consumers?: ConsumerAcknowledgement[];
}

interface BulkEstimate {
  requestCount: number;
  durationMs: number;
}

export interface BulkList {
  /** The list contradicts Invent's own count, or part of it could not be read. */
  incomplete: boolean;
  /** Distinct assistants in the list. */
  listedCount: number;
  /** Invent's own count of assistants, if it states one. */
  inventCount?: number;
  /** Listed records without a valid id, or that could not be read. They are left out. */
  unreadableCount: number;
}

export interface BulkVerification {
  /** Published and in force, of those that succeeded or were shared. */
  verified: number;
  /** Another key was in force; Rekey has published it. */
  repaired: number;
  /** Could not be compared; Rekey checks each of them again later. */
  unverified: number;
  /** Repaired or not verified: the first hundred. */
  differingAssistantIds: string[];
}

export interface BulkFailure {
  assistantId: string;
  reason: string;
  time: Date;
}

/** One assistant of a bulk rotation. */
export interface BulkItem {
  assistantId: string;
  state: BulkItemState;
  /** Why it FAILED. */
  error?: Explanation;
  /** If it SUCCEEDED: the version that was published, while it is among the last 20 of the assistant. */
  version?: number;
  /** The rotation that produced the version. */
  rotationId?: string;
  /** When the version was published. */
  publishTime?: Date;
}

type ProtoBulkRotation = ResponseOf<'BulkRotationService', 'GetBulkRotation'>;
type ProtoBulkItem = ResponseOf<'BulkRotationService', 'ListBulkRotationItems'>['items'][number];

export const toBulkRotation = (bulk: ProtoBulkRotation): BulkRotation =>
  withoutUnset<BulkRotation>({
    id: bulk.id,
    orgId: bulk.orgId,
    state: state(bulk.state),
    reason: bulk.reason,
    requestId: text(bulk.requestId),
    createTime: setDate(bulk.createTime),
    startTime: date(bulk.startTime),
    updateTime: setDate(bulk.updateTime),
    endTime: date(bulk.endTime),
    urgent: bulk.urgent,
    validateOnly: bulk.validateOnly,
    explicit: bulk.explicit,
    search: text(bulk.search),
    rotatedBefore: date(bulk.rotatedBefore),
    canary: bulk.canary ?? undefined,
    maxFailures: failureLimit(bulk.maxFailures),
    counts: bulk.counts!,
    stop: explanation(bulk.stop),
    rate: number(bulk.rate),
    remainingMs: milliseconds(bulk.remaining),
    estimate: bulk.estimate
      ? { requestCount: bulk.estimate.requestCount, durationMs: milliseconds(bulk.estimate.duration) ?? 0 }
      : undefined,
    verification: bulk.verification ?? undefined,
    list: bulk.list ? toBulkList(bulk.list) : undefined,
    lastFailures: bulk.lastFailures.map(({ assistantId, reason, time }) => ({
      assistantId,
      reason,
      time: setDate(time),
    })),
    policyId: text(bulk.policyId),
    consumers: consumerAcknowledgements(bulk.consumers),
    noLiveWorker: bulk.noLiveWorker || undefined,
    requestedBy: text(bulk.requestedBy),
  });

const toBulkList = (list: NonNullable<ProtoBulkRotation['list']>): BulkList =>
  withoutUnset<BulkList>({
    incomplete: list.incomplete,
    listedCount: list.listedCount,
    inventCount: list.inventCount === undefined ? undefined : Number(list.inventCount),
    unreadableCount: list.unreadableCount,
  });

export const toBulkItem = (item: ProtoBulkItem): BulkItem =>
  withoutUnset<BulkItem>({
    assistantId: item.assistantId,
    state: state(item.state),
    error: explanation(item.error),
    version: number(item.version),
    rotationId: text(item.rotationId),
    publishTime: date(item.publishTime),
  });
