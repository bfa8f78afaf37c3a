export {
  createRekeyClient,
  type KeepAliveOptions,
  type RekeyClient,
  type RekeyClientOptions,
} from './client.ts';
export { type RetryOptions } from './calls/backoff.ts';
export { type CallOptions } from './calls/calls.ts';
export { RekeyClientError, type ClientErrorCode, type GrpcStatus } from './calls/client-error.ts';
export { type Ids } from './calls/id-messages.ts';
export { type Page, type PagedList } from './calls/pages.ts';
export { type Token } from './connection/token.ts';
export { type CallNames, type Tracing } from './connection/tracing.ts';
export { type Pem, type TlsOptions } from './connection/credentials.ts';
export { type AccessCheck, type AccessGrant, type AccessToken, type Identity } from './models/access.ts';
export { type ActivityRecord } from './models/activity.ts';
export {
  type Assistant,
  type AssistantSummary,
  type KeyHolder,
  type KeyVersion,
  type Org,
} from './models/assistant.ts';
export {
  type BulkFailure,
  type BulkItem,
  type BulkList,
  type BulkRotation,
  type BulkVerification,
  type Canary,
} from './models/bulk-rotation.ts';
export { type Consumer, type ConsumerInstance, type UnappliedVersion } from './models/consumer.ts';
export { type RotationPolicy, type RotationWindow } from './models/policy.ts';
export { type Registry, type RegistryReview, type ReviewedConsumer } from './models/registry.ts';
export {
  type Reconciliation,
  type Rotation,
  type RotationTimeline,
  type TimelineStep,
} from './models/rotation.ts';
export { type Sweep } from './models/sweep.ts';
export {
  type ArchiveStatus,
  type Attention,
  type HeldOrg,
  type OrgAlias,
  type SystemStatus,
} from './models/system.ts';
export { type ConsumerAcknowledgement, type Explanation, type FailureLimit } from './models/values.ts';
export { type CheckAccessRequest, type CreateTokenRequest } from './services/access.ts';
export { type ActivityFilter, type ActivityPage, type ActivityTimes } from './services/activity/activity.ts';
export { type WatchActivityOptions } from './services/activity/watch-activity.ts';
export { type AssistantFilter, type AssistantsPage, type OrgsPage } from './services/assistants.ts';
export {
  type BulkFilter,
  type BulkItemsPage,
  type BulkItemsRequest,
  type BulkRotationsPage,
  type CreateBulkRotationRequest,
} from './services/bulk-rotations.ts';
export { type WatchOptions } from './services/bulk-watch.ts';
export {
  type AddConsumerRequest,
  type SetConsumerOrgsRequest,
  type TrustRegistryRequest,
} from './services/consumers.ts';
export {
  type EventEntry,
  type EventRecord,
  type EventsMessage,
  type EventsState,
  type SnapshotPage,
} from './services/events/events.ts';
export { type CreateRotationPolicyRequest } from './services/policies.ts';
export { type AcknowledgedBy } from './services/rotation-end.ts';
export {
  type RotateSecretKeyRequest,
  type RotationFilter,
  type RotationsPage,
  type TimeoutOptions,
  type WaitOptions,
  type WaitRotationRequest,
} from './services/rotations.ts';
