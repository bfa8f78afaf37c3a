export {
  AssistantId,
  BulkId,
  OrgId,
  StoredId,
  PolicyId,
  RequestId,
  RotationId,
  SweepId,
  ORG_ALIAS,
} from './domain/ids.ts';
export { complaintAboutId } from './text/upstream-id.ts';
export { complaintAboutShortName } from './text/short-name.ts';
export { MAX_RECORD_BYTES } from './text/record-size.ts';
export { Assistant, KeyedRecord } from './domain/assistant.ts';
export {
  Acknowledgement,
  CONSUMER_CHANGED,
  Consumer,
  ConsumerName,
  ConsumerOrgs,
  MAX_ACKNOWLEDGEMENT_BYTES,
  MAX_CONSUMERS,
  mayRead,
  orgsDigest,
} from './domain/consumer.ts';
export { type AcknowledgementState, isAcknowledged, isOutstanding } from './states/acknowledgement-state.ts';
export { isLoopbackHost } from './text/loopback.ts';
export { parseJson, parseJsonOfAnySize } from './text/parse-json.ts';
export { complaintAboutRedisUrl, namesDatabase } from './redis/redis-url.ts';
export { concealCredentials } from './redis/conceal-credentials.ts';
export { limitReplies } from './redis/limit-replies.ts';
export { MAX_REPLY_BYTES, REPLY_TOO_LARGE, ReplyTooLarge } from './redis/reply-too-large.ts';
export { unfitRedis } from './redis/redis-fitness.ts';
export { complaintAboutAddress, complaintAboutVariable, valueOfVariable } from './text/variable.ts';
export { type SecretFileOptions, complaintAboutAccess, readSecretFile } from './text/secret-file.ts';
export { TextFileError, decodeText, readTextFile } from './text/text-file.ts';
export { createArrivals } from './redis/arrivals.ts';
export { isBefore } from './redis/stream-id.ts';
export {
  Cause,
  Reason,
  type Rotation,
  RotationJob,
  RotationRequest,
  RotationState,
} from './domain/rotation.ts';
export { isEnded, rotationStates } from './states/rotation-states.ts';
export {
  CurrentEvent,
  Envelope,
  KEY_REMOVED,
  KEY_ROTATED,
  KEY_UNCERTAIN,
  KeyEvent,
  KeyRemoved,
  KeyRotated,
  KeyUncertain,
  Removal,
  SealedRecord,
} from './domain/event.ts';
export { RekeyError, type FieldViolation } from './errors/rekey-error.ts';
export { errorTable, isErrorCode, type ErrorCode } from './errors/error-table.ts';
export { errorText, storedErrorText } from './errors/error-text.ts';
export { type ErrorText } from './errors/error-row.ts';
export { type ErrorSubject } from './errors/subject-text.ts';
export { noSweepCounts, type Sweep, type SweepCounts, SweepJob, SweepState } from './domain/sweep.ts';
export { sweepStates } from './states/sweep-states.ts';
export { ArchiveReport, type ArchiveStatus } from './archive/archive.ts';
export { type Attention, type AttentionCode, attentionCodes } from './domain/attention.ts';
export {
  type AssistantSince,
  type HeldOrgStatus,
  type LastSweep,
  type LedgerHoldings,
  type LedgerStatus,
  type OpenBulk,
  type ProcessStatus,
  type SystemStatus,
  processRoles,
} from './domain/system.ts';
export {
  type BulkCounts,
  type BulkFailure,
  type BulkList,
  type BulkItem,
  BulkItemState,
  type BulkRotation,
  BulkSelection,
  BulkSpec,
  BulkState,
  type BulkVerification,
  DEFAULT_FAILURE_LIMIT,
  FailureLimit,
  MAX_BULK_ASSISTANTS,
  MAX_BULK_EXCLUDED,
  failureLetters,
  readItemLetter,
} from './domain/bulk.ts';
export { bulkItemStates, bulkStates, isBulkEnded } from './states/bulk-states.ts';
export {
  DAY_MS,
  DEFAULT_WINDOW,
  MAX_POLICIES,
  MAX_POLICY_ASSISTANTS,
  MAX_POLICY_IDS_IN_ALL,
  MAX_POLICY_ID_BYTES_IN_ALL,
  PolicyJob,
  PolicySpec,
  RotationWindow,
  type RotationPolicy,
} from './domain/policy.ts';
export {
  ActivityRecord,
  type Actor,
  LOCAL_ACTOR,
  MAX_ACTIVITY_STATE_BYTES,
  activityFields,
  systemActor,
  systemParts,
} from './domain/activity.ts';
export { type ActivityType, activityTypes } from './states/activity-types.ts';
export { MAX_TOKENS, MAX_TOKEN_TTL_MS, StoredToken, TokenName, TokenOrgs } from './domain/token.ts';
