// Original file: ../../proto/rekey/v1/rotation.proto

import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from '../../google/protobuf/Timestamp.ts';
import type { RotationError as _rekey_v1_RotationError, RotationError__Output as _rekey_v1_RotationError__Output } from '../../rekey/v1/RotationError.ts';
import type { Reconciliation as _rekey_v1_Reconciliation, Reconciliation__Output as _rekey_v1_Reconciliation__Output } from '../../rekey/v1/Reconciliation.ts';
import type { ConsumerReach as _rekey_v1_ConsumerReach, ConsumerReach__Output as _rekey_v1_ConsumerReach__Output } from '../../rekey/v1/ConsumerReach.ts';
import type { Long } from '@grpc/proto-loader';

// Original file: ../../proto/rekey/v1/rotation.proto

export const _rekey_v1_Rotation_Cause = {
  CAUSE_UNSPECIFIED: 'CAUSE_UNSPECIFIED',
  ROTATION: 'ROTATION',
  RECONCILIATION: 'RECONCILIATION',
} as const;

export type _rekey_v1_Rotation_Cause =
  | 'CAUSE_UNSPECIFIED'
  | 0
  | 'ROTATION'
  | 1
  | 'RECONCILIATION'
  | 2

export type _rekey_v1_Rotation_Cause__Output = typeof _rekey_v1_Rotation_Cause[keyof typeof _rekey_v1_Rotation_Cause]

// Original file: ../../proto/rekey/v1/rotation.proto

export const _rekey_v1_Rotation_State = {
  STATE_UNSPECIFIED: 'STATE_UNSPECIFIED',
  QUEUED: 'QUEUED',
  ROTATING: 'ROTATING',
  RECONCILING: 'RECONCILING',
  SUCCEEDED: 'SUCCEEDED',
  FAILED: 'FAILED',
  CANCELLED: 'CANCELLED',
} as const;

export type _rekey_v1_Rotation_State =
  | 'STATE_UNSPECIFIED'
  | 0
  | 'QUEUED'
  | 1
  | 'ROTATING'
  | 2
  | 'RECONCILING'
  | 3
  | 'SUCCEEDED'
  | 4
  | 'FAILED'
  | 5
  | 'CANCELLED'
  | 6

export type _rekey_v1_Rotation_State__Output = typeof _rekey_v1_Rotation_State[keyof typeof _rekey_v1_Rotation_State]

export interface Rotation {
  'id'?: (string);
  'orgId'?: (string);
  'assistantId'?: (string);
  'state'?: (_rekey_v1_Rotation_State);
  'reason'?: (string);
  'requestId'?: (string);
  'createTime'?: (_google_protobuf_Timestamp | null);
  'startTime'?: (_google_protobuf_Timestamp | null);
  'updateTime'?: (_google_protobuf_Timestamp | null);
  'endTime'?: (_google_protobuf_Timestamp | null);
  'attemptCount'?: (number);
  'version'?: (number | string | Long);
  'cause'?: (_rekey_v1_Rotation_Cause);
  'error'?: (_rekey_v1_RotationError | null);
  'reconciliation'?: (_rekey_v1_Reconciliation | null);
  'bulkRotationId'?: (string);
  'consumers'?: (_rekey_v1_ConsumerReach)[];
  'noLiveWorker'?: (boolean);
  'requestedBy'?: (string);
}

export interface Rotation__Output {
  'id': (string);
  'orgId': (string);
  'assistantId': (string);
  'state': (_rekey_v1_Rotation_State__Output);
  'reason': (string);
  'requestId': (string);
  'createTime': (_google_protobuf_Timestamp__Output | null);
  'startTime': (_google_protobuf_Timestamp__Output | null);
  'updateTime': (_google_protobuf_Timestamp__Output | null);
  'endTime': (_google_protobuf_Timestamp__Output | null);
  'attemptCount': (number);
  'version': (string);
  'cause': (_rekey_v1_Rotation_Cause__Output);
  'error': (_rekey_v1_RotationError__Output | null);
  'reconciliation': (_rekey_v1_Reconciliation__Output | null);
  'bulkRotationId': (string);
  'consumers': (_rekey_v1_ConsumerReach__Output)[];
  'noLiveWorker': (boolean);
  'requestedBy': (string);
}
