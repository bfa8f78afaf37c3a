// Original file: ../../proto/rekey/v1/sweep.proto

import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from '../../google/protobuf/Timestamp.ts';
import type { SweepCounts as _rekey_v1_SweepCounts, SweepCounts__Output as _rekey_v1_SweepCounts__Output } from '../../rekey/v1/SweepCounts.ts';
import type { SweepError as _rekey_v1_SweepError, SweepError__Output as _rekey_v1_SweepError__Output } from '../../rekey/v1/SweepError.ts';

// Original file: ../../proto/rekey/v1/sweep.proto

export const _rekey_v1_Sweep_State = {
  STATE_UNSPECIFIED: 'STATE_UNSPECIFIED',
  QUEUED: 'QUEUED',
  RUNNING: 'RUNNING',
  SUCCEEDED: 'SUCCEEDED',
  FAILED: 'FAILED',
} as const;

export type _rekey_v1_Sweep_State =
  | 'STATE_UNSPECIFIED'
  | 0
  | 'QUEUED'
  | 1
  | 'RUNNING'
  | 2
  | 'SUCCEEDED'
  | 3
  | 'FAILED'
  | 4

export type _rekey_v1_Sweep_State__Output = typeof _rekey_v1_Sweep_State[keyof typeof _rekey_v1_Sweep_State]

export interface Sweep {
  'id'?: (string);
  'orgId'?: (string);
  'state'?: (_rekey_v1_Sweep_State);
  'createTime'?: (_google_protobuf_Timestamp | null);
  'startTime'?: (_google_protobuf_Timestamp | null);
  'updateTime'?: (_google_protobuf_Timestamp | null);
  'endTime'?: (_google_protobuf_Timestamp | null);
  'counts'?: (_rekey_v1_SweepCounts | null);
  'error'?: (_rekey_v1_SweepError | null);
  'noLiveWorker'?: (boolean);
  'requestedBy'?: (string);
}

export interface Sweep__Output {
  'id': (string);
  'orgId': (string);
  'state': (_rekey_v1_Sweep_State__Output);
  'createTime': (_google_protobuf_Timestamp__Output | null);
  'startTime': (_google_protobuf_Timestamp__Output | null);
  'updateTime': (_google_protobuf_Timestamp__Output | null);
  'endTime': (_google_protobuf_Timestamp__Output | null);
  'counts': (_rekey_v1_SweepCounts__Output | null);
  'error': (_rekey_v1_SweepError__Output | null);
  'noLiveWorker': (boolean);
  'requestedBy': (string);
}
