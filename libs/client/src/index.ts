export { createRekeyClient, type RekeyClient, type RekeyClientOptions, type TimeoutOptions, type WatchOptions } from './client.ts';
export { type RetryOptions } from './backoff.ts';
export { type CallOptions } from './calls.ts';
export { RekeyClientError, type ClientErrorCode, type GrpcStatus } from './client-error.ts';
export { type Pem, type TlsOptions } from './credentials.ts';
export { type Ids } from './id-messages.ts';
export type {
  Assistant, BulkFailure, BulkItem, BulkItemsPage, BulkRotation, BulkRotationsPage, BulkVerification, Canary, Explanation, FailureLimit, Reconciliation, Rotation, RotationPolicy,
  RotationWindow, RotationsPage, Sweep, SystemStatus,
} from './models.ts';
export type {
  BulkFilter, BulkItemsRequest, CreateBulkRotationRequest, CreateRotationPolicyRequest, Page, RotateSecretKeyRequest, RotationFilter, WaitRotationRequest,
} from './requests.ts';
