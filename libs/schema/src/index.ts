export { AssistantId, OrgId, RequestId, RotationId, MAX_ID_BYTES } from './ids.ts';
export { Assistant, KeyedRecord } from './assistant.ts';
export { Cause, Reason, type Rotation, RotationJob, RotationRequest, RotationState, MAX_REASON_BYTES, isEnded, rotationStates } from './rotation.ts';
export { KEY_ROTATED, KeyEvent, SealedRecord } from './event.ts';
export { RekeyError, errorTable, isErrorCode, type ErrorCode, type FieldViolation, type GrpcCode } from './errors.ts';
