import { isEnded, type AcknowledgementState, type Rotation as LedgerRotation } from '@rekey/schema';
import type { ConsumerReach } from '../generated/rekey/v1/ConsumerReach.ts';
import type { Reconciliation } from '../generated/rekey/v1/Reconciliation.ts';
import type { Rotation } from '../generated/rekey/v1/Rotation.ts';
import type { RotationError } from '../generated/rekey/v1/RotationError.ts';
import type { _rekey_v1_RotationTimeline_Step as Step } from '../generated/rekey/v1/RotationTimeline.ts';
import { explain, timestamp } from './fields.ts';

const rotationError = ({ state, orgId, errorCode, upstreamStatus = 0 }: LedgerRotation): RotationError => ({
  ...explain(errorCode!, isEnded(state) ? 'failed rotation' : 'open rotation', orgId),
  upstreamStatus,
});

const NOTHING_TO_DO =
  'Nothing: Rekey reads the assistant again at next_read_time, and sends no second request before.';

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
    ? explain(readErrorCode ?? 'INTERNAL', 'open rotation', orgId).advice!
    : NOTHING_TO_DO,
  readError: readErrorCode ?? '',
});

/** A rotation of the ledger as the contract shows it, with the acknowledgements of consumers. */
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
  requestedBy: rotation.requestedBy ?? '',
});

/** A step of the timeline of a rotation. */
export const toProtoStep = ({
  kind,
  ms,
  consumer = '',
  state = 'STATE_UNSPECIFIED',
}: {
  kind: Exclude<Step['kind'], undefined>;
  ms?: number | undefined;
  consumer?: string;
  state?: AcknowledgementState | 'STATE_UNSPECIFIED';
}): Step => ({ kind, time: timestamp(ms), consumer, state });
