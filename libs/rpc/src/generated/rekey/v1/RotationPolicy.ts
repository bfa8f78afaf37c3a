// Original file: ../../proto/rekey/v1/policy.proto

import type { RotationWindow as _rekey_v1_RotationWindow, RotationWindow__Output as _rekey_v1_RotationWindow__Output } from '../../rekey/v1/RotationWindow.ts';
import type { FailureLimit as _rekey_v1_FailureLimit, FailureLimit__Output as _rekey_v1_FailureLimit__Output } from '../../rekey/v1/FailureLimit.ts';
import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from '../../google/protobuf/Timestamp.ts';
import type { RotationPolicyError as _rekey_v1_RotationPolicyError, RotationPolicyError__Output as _rekey_v1_RotationPolicyError__Output } from '../../rekey/v1/RotationPolicyError.ts';

export interface RotationPolicy {
  'id'?: (string);
  'orgId'?: (string);
  'assistantCount'?: (number);
  'everyDays'?: (number);
  'window'?: (_rekey_v1_RotationWindow | null);
  'maxFailures'?: (_rekey_v1_FailureLimit | null);
  'reason'?: (string);
  'requestId'?: (string);
  'paused'?: (boolean);
  'createTime'?: (_google_protobuf_Timestamp | null);
  'updateTime'?: (_google_protobuf_Timestamp | null);
  'nextDueTime'?: (_google_protobuf_Timestamp | null);
  'lastDueTime'?: (_google_protobuf_Timestamp | null);
  'lastBulkRotationId'?: (string);
  'nextDueError'?: (_rekey_v1_RotationPolicyError | null);
  'requestedBy'?: (string);
}

export interface RotationPolicy__Output {
  'id': (string);
  'orgId': (string);
  'assistantCount': (number);
  'everyDays': (number);
  'window': (_rekey_v1_RotationWindow__Output | null);
  'maxFailures': (_rekey_v1_FailureLimit__Output | null);
  'reason': (string);
  'requestId': (string);
  'paused': (boolean);
  'createTime': (_google_protobuf_Timestamp__Output | null);
  'updateTime': (_google_protobuf_Timestamp__Output | null);
  'nextDueTime': (_google_protobuf_Timestamp__Output | null);
  'lastDueTime': (_google_protobuf_Timestamp__Output | null);
  'lastBulkRotationId': (string);
  'nextDueError': (_rekey_v1_RotationPolicyError__Output | null);
  'requestedBy': (string);
}
