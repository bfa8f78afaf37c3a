export {
  createRekeyClient,
  type RekeyClient,
  type RekeyClientOptions,
  type TimeoutOptions,
  type WaitOptions,
  type WatchOptions,
} from './client.ts';
export { type RetryOptions } from './backoff.ts';
export { type CallOptions } from './calls.ts';
export { RekeyClientError, type ClientErrorCode, type GrpcStatus } from './client-error.ts';
export { type Pem, type TlsOptions } from './credentials.ts';
export { type Ids } from './id-messages.ts';
export { type AcknowledgedBy } from './rotation-end.ts';
export type {
  Assistant,
  Attention,
  BulkFailure,
  BulkItem,
  BulkItemsPage,
  BulkList,
  BulkRotation,
  BulkRotationsPage,
  BulkVerification,
  Canary,
  Consumer,
  ConsumerInstance,
  ConsumerReach,
  Explanation,
  FailureLimit,
  HeldOrg,
  OrgAlias,
  Reconciliation,
  Rotation,
  RotationPolicy,
  RotationWindow,
  RotationsPage,
  Sweep,
  SystemStatus,
  UnappliedVersion,
} from './models.ts';
export type {
  AddConsumerRequest,
  BulkFilter,
  BulkItemsRequest,
  CreateBulkRotationRequest,
  CreateRotationPolicyRequest,
  Page,
  RotateSecretKeyRequest,
  RotationFilter,
  SetConsumerOrgsRequest,
  WaitRotationRequest,
} from './requests.ts';
