// Original file: ../../proto/rekey/v1/bulk.proto

import type { BulkStop as _rekey_v1_BulkStop, BulkStop__Output as _rekey_v1_BulkStop__Output } from '../../rekey/v1/BulkStop.ts';
import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from '../../google/protobuf/Timestamp.ts';
import type { Long } from '@grpc/proto-loader';

// Original file: ../../proto/rekey/v1/bulk.proto

export const _rekey_v1_BulkRotationItem_State = {
  STATE_UNSPECIFIED: 'STATE_UNSPECIFIED',
  WAITING: 'WAITING',
  ROTATING: 'ROTATING',
  SUCCEEDED: 'SUCCEEDED',
  SHARED: 'SHARED',
  FAILED: 'FAILED',
  CANCELLED: 'CANCELLED',
  VALID: 'VALID',
} as const;

export type _rekey_v1_BulkRotationItem_State =
  | 'STATE_UNSPECIFIED'
  | 0
  | 'WAITING'
  | 1
  | 'ROTATING'
  | 2
  | 'SUCCEEDED'
  | 3
  | 'SHARED'
  | 4
  | 'FAILED'
  | 5
  | 'CANCELLED'
  | 6
  | 'VALID'
  | 7

export type _rekey_v1_BulkRotationItem_State__Output = typeof _rekey_v1_BulkRotationItem_State[keyof typeof _rekey_v1_BulkRotationItem_State]

export interface BulkRotationItem {
  'assistantId'?: (string);
  'state'?: (_rekey_v1_BulkRotationItem_State);
  'error'?: (_rekey_v1_BulkStop | null);
  'version'?: (number | string | Long);
  'rotationId'?: (string);
  'publishTime'?: (_google_protobuf_Timestamp | null);
}

export interface BulkRotationItem__Output {
  'assistantId': (string);
  'state': (_rekey_v1_BulkRotationItem_State__Output);
  'error': (_rekey_v1_BulkStop__Output | null);
  'version': (string);
  'rotationId': (string);
  'publishTime': (_google_protobuf_Timestamp__Output | null);
}
