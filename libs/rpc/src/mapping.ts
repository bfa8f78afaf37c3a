import {
  errorTable,
  isBulkEnded,
  isEnded,
  storedErrorText,
  type ErrorCode,
  type ErrorSubject,
  type Acknowledgement,
  type BulkItem,
  type BulkList as LedgerList,
  type Consumer as LedgerConsumer,
  type BulkRotation as LedgerBulk,
  type LastSweep,
  type LedgerHoldings,
  type CurrentEvent,
  type Rotation as LedgerRotation,
  type RotationPolicy as LedgerPolicy,
  type Sweep as LedgerSweep,
  type SystemStatus,
} from '@rekey/schema';
import type { Duration } from './generated/google/protobuf/Duration.ts';
import type { Timestamp } from './generated/google/protobuf/Timestamp.ts';
import type { Assistant } from './generated/rekey/v1/Assistant.ts';
import type { BulkRotation } from './generated/rekey/v1/BulkRotation.ts';
import type { BulkRotationItem } from './generated/rekey/v1/BulkRotationItem.ts';
import type { Consumer } from './generated/rekey/v1/Consumer.ts';
import type { ConsumerReach } from './generated/rekey/v1/ConsumerReach.ts';
import type { EndedSweep } from './generated/rekey/v1/EndedSweep.ts';
import type { Reconciliation } from './generated/rekey/v1/Reconciliation.ts';
import type { Rotation } from './generated/rekey/v1/Rotation.ts';
import type { RotationError } from './generated/rekey/v1/RotationError.ts';
import type { RotationPolicy } from './generated/rekey/v1/RotationPolicy.ts';
import type { Status } from './generated/rekey/v1/Status.ts';
import type { Sweep } from './generated/rekey/v1/Sweep.ts';
import type { SweepError } from './generated/rekey/v1/SweepError.ts';

const timestamp = (ms: number | undefined): Timestamp | null =>
  ms === undefined ? null : { seconds: String(Math.floor(ms / 1000)), nanos: (ms % 1000) * 1_000_000 };

const duration = (ms: number | undefined): Duration | null =>
  ms === undefined
    ? null
    : { seconds: String(Math.floor(ms / 1000)), nanos: Math.round(ms % 1000) * 1_000_000 };

/** A code as callers see it, in words that fit what it is told of. */
const inWords = (code: string, of: ErrorSubject, orgId?: string): SweepError => ({
  reason: code,
  ...storedErrorText(code, of, orgId),
});

const rotationError = ({ state, orgId, errorCode, upstreamStatus = 0 }: LedgerRotation): RotationError => ({
  ...inWords(errorCode!, isEnded(state) ? 'failed rotation' : 'open rotation', orgId),
  upstreamStatus,
});

const NOTHING_TO_DO =
  'Nothing: the assistant is read again at next_read_time, and no second request is sent meanwhile.';

const reconciliation = ({
  orgId,
  uncertainSinceMs,
  nextReadMs,
  readErrorCode,
  operatorNeeded = false,
}: LedgerRotation): Reconciliation => ({
  sinceTime: timestamp(uncertainSinceMs),
  nextReadTime: timestamp(nextReadMs),
  operatorNeeded,
  advice: operatorNeeded
    ? inWords(readErrorCode ?? 'INTERNAL', 'open rotation', orgId).advice!
    : NOTHING_TO_DO,
  readError: readErrorCode ?? '',
});

/** The ledger's rotation as the contract's, and which consumers have applied what it has published. */
export const toProtoRotation = (
  rotation: LedgerRotation,
  consumers: ConsumerReach[] = [],
  noLiveWorker = false,
): Rotation => ({
  id: rotation.id,
  orgId: rotation.orgId,
  assistantId: rotation.assistantId,
  state: rotation.state,
  reason: rotation.reason,
  requestId: rotation.requestId ?? '',
  createTime: timestamp(rotation.createdMs),
  startTime: timestamp(rotation.startedMs),
  updateTime: timestamp(rotation.updatedMs),
  endTime: timestamp(rotation.endedMs),
  attemptCount: rotation.attempts,
  version: rotation.version ?? 0,
  cause:
    rotation.cause === 'rotation'
      ? 'ROTATION'
      : rotation.cause === undefined
        ? 'CAUSE_UNSPECIFIED'
        : 'RECONCILIATION',
  error: rotation.errorCode === undefined ? null : rotationError(rotation),
  reconciliation: rotation.state === 'RECONCILING' ? reconciliation(rotation) : null,
  bulkRotationId: rotation.bulkId ?? '',
  consumers,
  noLiveWorker: noLiveWorker && !isEnded(rotation.state),
});

/** An instance of a consumer, as it reports itself. */
interface Instance extends Omit<Acknowledgement, 'consumer'> {
  live: boolean;
  heardMs: number;
}

const toProtoRefusals = (refusals: Acknowledgement['unapplied'] = { count: 0, first: [] }) =>
  refusals.first.map(({ assistant_id: assistantId, version, why }) => ({ assistantId, version, why }));

/** A consumer as the contract's, with its instances, and how far the slowest that is live lags behind. */
export const toProtoConsumer = (
  { name, orgs, state, created_at: createdAt, key }: LedgerConsumer,
  instances: Instance[],
  lag?: { events: number; ms: number },
): Consumer => ({
  name,
  orgs,
  state,
  createTime: timestamp(Date.parse(createdAt)),
  keyType: key.kty === 'oct' ? 'shared' : (key.crv ?? ''),
  keyId: key.kid,
  instances: instances.map((one) => ({
    id: one.instance,
    live: one.live,
    heardTime: timestamp(one.heardMs),
    position: one.position,
    seq: one.seq,
    keyCount: one.keys,
    unappliedCount: one.unapplied.count,
    unapplied: toProtoRefusals(one.unapplied),
    refusedCount: one.refused?.count ?? 0,
    refused: toProtoRefusals(one.refused),
  })),
  live: lag !== undefined,
  lagEvents: lag?.events ?? 0,
  lag: duration(lag && lag.events > 0 ? lag.ms : undefined),
});

const causes: Partial<Record<string, Assistant['cause']>> = {
  rotation: 'ROTATION',
  reconciliation: 'RECONCILIATION',
  drift: 'DRIFT',
  import: 'IMPORT',
  rollback: 'ROLLBACK',
};

const removals = { 'no-key': 'NO_KEY', deleted: 'DELETED' } as const;

/**
 * The event of an assistant's current key version as the contract's, and since when that version is in doubt.
 */
export const toProtoAssistant = ({ subject, data }: CurrentEvent, uncertainSinceMs?: number): Assistant => ({
  assistantId: subject,
  version: data.version,
  cause: causes[data.cause] ?? 'CAUSE_UNSPECIFIED',
  rotationId: data.rotation_id ?? '',
  updateTime: timestamp(Date.parse(data.updated_at)),
  fingerprint: data.fingerprint ?? '',
  sealed: JSON.stringify(data.sealed),
  uncertainTime: timestamp(uncertainSinceMs),
  removal: data.fingerprint === null ? removals[data.removal] : 'REMOVAL_UNSPECIFIED',
});

/** The ledger's sweep as the contract's. */
export const toProtoSweep = (sweep: LedgerSweep, noLiveWorker = false): Sweep => ({
  id: sweep.id,
  orgId: sweep.orgId ?? '',
  state: sweep.state,
  createTime: timestamp(sweep.createdMs),
  startTime: timestamp(sweep.startedMs),
  updateTime: timestamp(sweep.updatedMs),
  endTime: timestamp(sweep.endedMs),
  counts: sweep.counts,
  error: sweep.errorCode === undefined ? null : inWords(sweep.errorCode, 'sweep', sweep.orgId),
  noLiveWorker: noLiveWorker && (sweep.state === 'QUEUED' || sweep.state === 'RUNNING'),
});

const endedSweep = (sweep: LastSweep | undefined): EndedSweep | null =>
  sweep === undefined
    ? null
    : {
        id: sweep.id,
        state: sweep.state,
        endTime: timestamp(sweep.endedMs),
        comparedCount: sweep.compared,
        reason: sweep.errorCode ?? '',
      };

const holdings = (held: LedgerHoldings | undefined) =>
  held === undefined
    ? null
    : { assistantCount: held.assistants, consumerCount: held.consumers, policyCount: held.policies };

/** The system's status as the contract's. */
export const toProtoStatus = (status: SystemStatus): Status => ({
  frozen: status.frozen
    ? { sinceTime: timestamp(status.frozen.sinceMs), reason: status.frozen.reason }
    : null,
  openRotationCount: status.rotations.open,
  failedRotationCount: status.rotations.failed,
  openIntents: status.openIntents,
  uncertain: status.uncertain.map(({ assistantId, sinceMs }) => ({
    assistantId,
    sinceTime: timestamp(sinceMs),
  })),
  uncertainCount: status.uncertainCount,
  quarantined: status.quarantined.map(({ assistantId, sinceMs, why }) => ({
    assistantId,
    sinceTime: timestamp(sinceMs),
    why,
  })),
  quarantinedCount: status.quarantinedCount,
  checkCount: status.checksDue,
  heldOrgs: status.heldOrgs.map(({ orgId, sinceMs, code, affected = 0, known = 0 }) => ({
    orgId,
    sinceTime: timestamp(sinceMs),
    reason: code,
    affectedCount: affected,
    knownCount: known,
  })),
  orgAlias: status.orgAlias
    ? {
        orgId: status.orgAlias.orgId ?? '',
        knownBy: status.orgAlias.how ?? '',
        sinceTime: timestamp(status.orgAlias.sinceMs),
        conflict: status.orgAlias.conflict?.why ?? '',
        conflictOrgIds: status.orgAlias.conflict?.orgIds ?? [],
        conflictTime: timestamp(status.orgAlias.conflict?.sinceMs),
      }
    : null,
  attention: status.attention.map(({ code, sinceMs, subject, message, advice }) => ({
    code,
    sinceTime: timestamp(sinceMs),
    subject,
    message,
    advice,
  })),
  processes: status.processes.map(({ id, kind, roles, version, startedMs, seenMs, live }) => ({
    id,
    kind,
    roles,
    version,
    startTime: timestamp(startedMs),
    seenTime: timestamp(seenMs),
    live,
  })),
  lastSweep: endedSweep(status.lastSweep),
  lastSuccessfulSweep: endedSweep(status.lastSuccess),
  runningSweepId: status.runningSweep?.id ?? '',
  openBulkRotations: status.openBulks.map(({ id, state, total, done }) => ({
    id,
    state,
    totalCount: total,
    doneCount: done,
  })),
  waitingInBulksCount: status.rotations.waitingInBulks,
  ledger: {
    id: status.ledger.id,
    beginTime: timestamp(status.ledger.begunMs),
    lostTime: timestamp(status.ledger.lostMs),
    before: holdings(status.ledger.before),
    now: holdings(status.ledger.now),
  },
});

/**
 * How long a bulk still takes: at its own rate, or, as long as it has none, as estimated, for the share of it
 * that is left. Only of one that moves: of one that stands still, nobody knows.
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

/** How many were listed and how many upstream counts: what an operator decides by. */
const listCounts = ({ listed, counted, unreadable }: LedgerList): string =>
  [
    `${listed} assistants were listed`,
    counted === undefined ? 'Invent gives no count' : `Invent counts ${counted}`,
    ...(unreadable > 0 ? [`records that could not be read: ${unreadable}`] : []),
  ].join('; ') + '.';

const bulkStop = ({ orgId, why, state, list }: LedgerBulk): SweepError | null => {
  if (why === undefined) return null;
  const words = inWords(why, isBulkEnded(state) ? 'failed bulk rotation' : 'open bulk rotation', orgId);
  return why === 'LIST_INCOMPLETE' && list
    ? { ...words, message: `${words.message} ${listCounts(list)}` }
    : words;
};

/** The ledger's bulk rotation as the contract's. */
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
    canary: bulk.canary ? { ...bulk.canary, awaitsConsumers: bulk.canary.awaitsConsumers ?? false } : null,
    maxFailures: bulk.maxFailures,
    counts: bulk.counts,
    stop: bulkStop(bulk),
    rate: bulk.perSecond ?? 0,
    remaining: duration(remainingMs(bulk)),
    estimate:
      estimate === undefined
        ? null
        : { requestCount: estimate.requests, duration: duration(estimate.durationMs) },
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
          ...(bulk.list.counted !== undefined && { inventCount: String(bulk.list.counted) }),
        }
      : null,
    noLiveWorker: (bulk.noLiveWorker ?? false) && !isBulkEnded(bulk.state),
  };
};

/** One assistant of a bulk rotation as the contract's. */
export const toProtoBulkItem = ({ assistantId, state, errorCode }: BulkItem): BulkRotationItem => ({
  assistantId,
  state,
  error: errorCode === undefined ? null : inWords(errorCode, 'bulk item'),
});

/** The ledger's policy as the contract's, when its next window is due, and why that cannot be computed. */
export const toProtoPolicy = (
  policy: LedgerPolicy,
  nextDueMs: number | undefined,
  nextDueError?: ErrorCode,
): RotationPolicy => ({
  id: policy.id,
  orgId: policy.orgId,
  assistantCount: policy.assistantCount ?? 0,
  everyDays: policy.everyDays,
  window: {
    cron: policy.window.cron,
    timeZone: policy.window.timeZone,
    length: duration(policy.window.lengthMs),
  },
  maxFailures: policy.maxFailures,
  reason: policy.reason,
  requestId: policy.requestId ?? '',
  paused: policy.paused,
  createTime: timestamp(policy.createdMs),
  updateTime: timestamp(policy.updatedMs),
  nextDueTime: timestamp(policy.paused ? undefined : nextDueMs),
  lastDueTime: timestamp(policy.lastDueMs),
  lastBulkRotationId: policy.lastBulkId ?? '',
  nextDueError:
    nextDueError === undefined || policy.paused
      ? null
      : {
          reason: nextDueError,
          message: errorTable[nextDueError].message,
          advice: errorTable[nextDueError].advice,
        },
});
