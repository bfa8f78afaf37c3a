import {
  isBulkEnded,
  type BulkItem,
  type BulkList as LedgerList,
  type BulkRotation as LedgerBulk,
} from '@rekey/schema';
import type { BulkRotation } from '../generated/rekey/v1/BulkRotation.ts';
import type { BulkRotationItem } from '../generated/rekey/v1/BulkRotationItem.ts';
import type { ConsumerReach } from '../generated/rekey/v1/ConsumerReach.ts';
import type { SweepError } from '../generated/rekey/v1/SweepError.ts';
import { duration, explain, timestamp } from './fields.ts';

/**
 * The time that a RUNNING bulk rotation still needs: at its own rate if it has one, otherwise the remaining
 * share of the estimate. Undefined in any other state, and while no worker is live.
 */
const remainingMs = ({
  state,
  counts,
  perSecond,
  estimate,
  noLiveWorker,
}: LedgerBulk): number | undefined => {
  const left = counts.waiting + counts.rotating;
  if (state !== 'RUNNING' || left === 0 || noLiveWorker) return undefined;
  if (perSecond !== undefined && perSecond > 0) return Math.round((left / perSecond) * 1000);
  return estimate && Math.round((estimate.durationMs * left) / counts.total);
};

/** The numbers by which an operator decides whether to resume: listed, counted by Invent, unreadable. */
const listCounts = ({ listed, counted, unreadable }: LedgerList): string =>
  [
    `${listed} assistants were listed`,
    counted === undefined ? 'Invent gives no count' : `Invent counts ${counted}`,
    ...(unreadable > 0 ? [`records that could not be read: ${unreadable}`] : []),
  ].join('; ') + '.';

const bulkStop = ({ orgId, why, state, list }: LedgerBulk): SweepError | null => {
  if (why === undefined) return null;
  const words = explain(why, isBulkEnded(state) ? 'failed bulk rotation' : 'open bulk rotation', orgId);
  return why === 'LIST_INCOMPLETE' && list
    ? { ...words, message: `${words.message} ${listCounts(list)}` }
    : words;
};

/** A bulk rotation of the ledger as the contract shows it. */
export const toProtoBulkRotation = (bulk: LedgerBulk, consumers: ConsumerReach[] = []): BulkRotation => {
  const { selection, verification, estimate } = bulk;
  const ofOrg = selection.kind === 'org' ? selection : undefined;
  return {
    id: bulk.id,
    orgId: bulk.orgId,
    state: bulk.state,
    reason: bulk.reason,
    requestId: bulk.requestId ?? '',
    createTime: timestamp(bulk.createdMs),
    startTime: timestamp(bulk.startedMs),
    updateTime: timestamp(bulk.updatedMs),
    endTime: timestamp(bulk.endedMs),
    urgent: bulk.urgent,
    validateOnly: bulk.validateOnly,
    explicit: selection.kind === 'ids',
    search: ofOrg?.search ?? '',
    rotatedBefore: timestamp(ofOrg?.rotatedBeforeMs),
    canary: bulk.canary
      ? {
          ...bulk.canary,
          awaitsConsumers: bulk.canary.awaitsConsumers ?? false,
        }
      : null,
    maxFailures: bulk.maxFailures,
    counts: bulk.counts,
    stop: bulkStop(bulk),
    rate: bulk.perSecond ?? 0,
    remaining: duration(remainingMs(bulk)),
    estimate:
      estimate === undefined
        ? null
        : {
            requestCount: estimate.requests,
            duration: duration(estimate.durationMs),
          },
    verification:
      verification === undefined
        ? null
        : {
            verified: verification.verified,
            repaired: verification.repaired,
            unverified: verification.unverified,
            differingAssistantIds: verification.differing,
          },
    lastFailures: bulk.lastFailures.map(({ assistantId, code, atMs }) => ({
      assistantId,
      reason: code,
      time: timestamp(atMs),
    })),
    policyId: ofOrg?.policyId ?? '',
    consumers,
    list: bulk.list
      ? {
          incomplete: !bulk.list.complete,
          listedCount: bulk.list.listed,
          unreadableCount: bulk.list.unreadable,
          ...(bulk.list.counted !== undefined && {
            inventCount: String(bulk.list.counted),
          }),
        }
      : null,
    noLiveWorker: (bulk.noLiveWorker ?? false) && !isBulkEnded(bulk.state),
    requestedBy: bulk.requestedBy ?? '',
  };
};

/** One assistant of a bulk rotation as the contract shows it. */
export const toProtoBulkItem = ({
  assistantId,
  state,
  errorCode,
  published,
}: BulkItem): BulkRotationItem => ({
  assistantId,
  state,
  error: errorCode === undefined ? null : explain(errorCode, 'bulk item'),
  version: published?.version ?? 0,
  rotationId: published?.rotationId ?? '',
  publishTime: timestamp(published?.publishedMs),
});
