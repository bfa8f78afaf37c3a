import { errorTable, isErrorCode, type KeyEvent, type Rotation as LedgerRotation } from '@rekey/schema';
import type { Timestamp } from './generated/google/protobuf/Timestamp.ts';
import type { Assistant } from './generated/rekey/v1/Assistant.ts';
import type { Rotation } from './generated/rekey/v1/Rotation.ts';
import type { RotationError } from './generated/rekey/v1/RotationError.ts';

const timestamp = (ms: number | undefined): Timestamp | null =>
  ms === undefined ? null : { seconds: String(Math.floor(ms / 1000)), nanos: (ms % 1000) * 1_000_000 };

/** A code as callers see it, in the words of the error table. */
const rotationError = (code: string, upstreamStatus = 0): RotationError => {
  const row = isErrorCode(code) ? errorTable[code] : errorTable.INTERNAL;
  return { reason: code, message: row.message, advice: row.advice, upstreamStatus };
};

/** The ledger's rotation as the contract's. */
export const toProtoRotation = (rotation: LedgerRotation): Rotation => ({
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
  cause: rotation.cause === 'rotation' ? 'ROTATION' : rotation.cause === undefined ? 'CAUSE_UNSPECIFIED' : 'RECONCILIATION',
  error: rotation.errorCode === undefined ? null : rotationError(rotation.errorCode, rotation.upstreamStatus),
  reconciliation:
    rotation.state === 'RECONCILING'
      ? { sinceTime: timestamp(rotation.uncertainSinceMs), nextReadTime: timestamp(rotation.nextReadMs) }
      : null,
});

const causes = { rotation: 'ROTATION', reconciliation: 'RECONCILIATION', drift: 'DRIFT', import: 'IMPORT' } as const;

/** The current event of an assistant as the contract's. */
export const toProtoAssistant = ({ subject, data }: KeyEvent): Assistant => ({
  assistantId: subject,
  version: data.version,
  cause: causes[data.cause],
  rotationId: data.rotation_id ?? '',
  updateTime: timestamp(Date.parse(data.updated_at)),
  fingerprint: data.fingerprint,
  sealed: data.sealed,
});
