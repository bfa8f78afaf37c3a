export { AssistantId, OrgId, RequestId, RotationId, SweepId, MAX_ID_BYTES } from './ids.ts';
export { Assistant, KeyedRecord } from './assistant.ts';
export { Cause, Reason, type Rotation, RotationJob, RotationRequest, RotationState, MAX_REASON_BYTES, isEnded, rotationStates } from './rotation.ts';
export { CurrentEvent, KEY_REMOVED, KEY_ROTATED, KEY_UNCERTAIN, KeyEvent, KeyRemoved, KeyRotated, KeyUncertain, Removal, SealedRecord } from './event.ts';
export { RekeyError, errorTable, isErrorCode, type ErrorCode, type FieldViolation, type GrpcCode } from './errors.ts';
export { noSweepCounts, type Sweep, type SweepCounts, SweepJob, SweepState, sweepStates } from './sweep.ts';
export { type AssistantSince, type SystemStatus } from './system.ts';
