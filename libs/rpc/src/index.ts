export { loadContract, type Contract } from './contract/load.ts';
export { prepare, sendPrepared, type WithBytes } from './contract/prepared.ts';
export { readStatusDetails } from './status-details.ts';
export { contextOf, statusOf, type CallContext } from './server-call.ts';
export { explainTransportErrors } from './transport-errors.ts';
export { attempt, type OnThrown } from './attempt.ts';
export { unary } from './unary.ts';
export { clientStreaming, serverStreaming, type RequestStream } from './streaming.ts';
export type { BeyondLimit } from './limits/beyond-limit.ts';
export { limitCalls, type CallLimits } from './limits/limit-calls.ts';
export { takeTurns, type Turns } from './limits/take-turns.ts';
export { observeCalls, type CallObserver } from './observe-calls.ts';
export type { ServiceHandlers } from './services.ts';
export { toProtoGrant, toProtoToken } from './mapping/access/access.ts';
export { toProtoActivity } from './mapping/activity/activity-record.ts';
export {
  toProtoAssistant,
  toProtoHolder,
  toProtoKeyVersion,
  toProtoOrg,
  toProtoSummary,
} from './mapping/assistant.ts';
export { toProtoBulkItem, toProtoBulkRotation } from './mapping/bulk.ts';
export { toProtoConsumer } from './mapping/consumer.ts';
export { toProtoPolicy } from './mapping/policy.ts';
export { toProtoRotation, toProtoStep } from './mapping/rotation.ts';
export { toProtoLimitedCaller, toProtoStatus } from './mapping/status.ts';
export { toProtoSweep } from './mapping/sweep.ts';
export type { BulkRotation__Output as ProtoBulkRotation } from './generated/rekey/v1/BulkRotation.ts';
export type { BulkRotationItem__Output as ProtoBulkItem } from './generated/rekey/v1/BulkRotationItem.ts';
export type {
  CreateBulkRotationRequest,
  CreateBulkRotationRequest__Output,
} from './generated/rekey/v1/CreateBulkRotationRequest.ts';
export type * from './generated/rekey/v1/CreateRotationPolicyRequest.ts';
export type { Rotation__Output as ProtoRotation } from './generated/rekey/v1/Rotation.ts';
export type { Status__Output as ProtoStatus } from './generated/rekey/v1/Status.ts';
export type { EventEntry } from './generated/rekey/v1/EventEntry.ts';
export type { GetRecordsResponse } from './generated/rekey/v1/GetRecordsResponse.ts';
export type { ListAssistantsResponse } from './generated/rekey/v1/ListAssistantsResponse.ts';
export type { GetSnapshotResponse } from './generated/rekey/v1/GetSnapshotResponse.ts';
export type { WatchEventsResponse } from './generated/rekey/v1/WatchEventsResponse.ts';
export type { EventRecord } from './generated/rekey/v1/EventRecord.ts';
