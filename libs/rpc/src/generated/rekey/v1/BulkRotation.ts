// Original file: ../../proto/rekey/v1/bulk.proto

import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from '../../google/protobuf/Timestamp.ts';
import type { Canary as _rekey_v1_Canary, Canary__Output as _rekey_v1_Canary__Output } from '../../rekey/v1/Canary.ts';
import type { FailureLimit as _rekey_v1_FailureLimit, FailureLimit__Output as _rekey_v1_FailureLimit__Output } from '../../rekey/v1/FailureLimit.ts';
import type { BulkCounts as _rekey_v1_BulkCounts, BulkCounts__Output as _rekey_v1_BulkCounts__Output } from '../../rekey/v1/BulkCounts.ts';
import type { BulkStop as _rekey_v1_BulkStop, BulkStop__Output as _rekey_v1_BulkStop__Output } from '../../rekey/v1/BulkStop.ts';
import type { Duration as _google_protobuf_Duration, Duration__Output as _google_protobuf_Duration__Output } from '../../google/protobuf/Duration.ts';
import type { BulkEstimate as _rekey_v1_BulkEstimate, BulkEstimate__Output as _rekey_v1_BulkEstimate__Output } from '../../rekey/v1/BulkEstimate.ts';
import type { BulkVerification as _rekey_v1_BulkVerification, BulkVerification__Output as _rekey_v1_BulkVerification__Output } from '../../rekey/v1/BulkVerification.ts';
import type { BulkFailure as _rekey_v1_BulkFailure, BulkFailure__Output as _rekey_v1_BulkFailure__Output } from '../../rekey/v1/BulkFailure.ts';
import type { ConsumerReach as _rekey_v1_ConsumerReach, ConsumerReach__Output as _rekey_v1_ConsumerReach__Output } from '../../rekey/v1/ConsumerReach.ts';
import type { BulkList as _rekey_v1_BulkList, BulkList__Output as _rekey_v1_BulkList__Output } from '../../rekey/v1/BulkList.ts';

// Original file: ../../proto/rekey/v1/bulk.proto

export const _rekey_v1_BulkRotation_State = {
  STATE_UNSPECIFIED: 'STATE_UNSPECIFIED',
  PREPARING: 'PREPARING',
  RUNNING: 'RUNNING',
  PAUSED: 'PAUSED',
  HALTED: 'HALTED',
  VERIFYING: 'VERIFYING',
  CANCELLING: 'CANCELLING',
  COMPLETED: 'COMPLETED',
  FAILED: 'FAILED',
  CANCELLED: 'CANCELLED',
  VALIDATED: 'VALIDATED',
} as const;

export type _rekey_v1_BulkRotation_State =
  | 'STATE_UNSPECIFIED'
  | 0
  | 'PREPARING'
  | 1
  | 'RUNNING'
  | 2
  | 'PAUSED'
  | 3
  | 'HALTED'
  | 4
  | 'VERIFYING'
  | 5
  | 'CANCELLING'
  | 6
  | 'COMPLETED'
  | 7
  | 'FAILED'
  | 8
  | 'CANCELLED'
  | 9
  | 'VALIDATED'
  | 10

export type _rekey_v1_BulkRotation_State__Output = typeof _rekey_v1_BulkRotation_State[keyof typeof _rekey_v1_BulkRotation_State]

export interface BulkRotation {
  'id'?: (string);
  'orgId'?: (string);
  'state'?: (_rekey_v1_BulkRotation_State);
  'reason'?: (string);
  'requestId'?: (string);
  'createTime'?: (_google_protobuf_Timestamp | null);
  'startTime'?: (_google_protobuf_Timestamp | null);
  'updateTime'?: (_google_protobuf_Timestamp | null);
  'endTime'?: (_google_protobuf_Timestamp | null);
  'urgent'?: (boolean);
  'validateOnly'?: (boolean);
  'explicit'?: (boolean);
  'search'?: (string);
  'rotatedBefore'?: (_google_protobuf_Timestamp | null);
  'canary'?: (_rekey_v1_Canary | null);
  'maxFailures'?: (_rekey_v1_FailureLimit | null);
  'counts'?: (_rekey_v1_BulkCounts | null);
  'stop'?: (_rekey_v1_BulkStop | null);
  'rate'?: (number | string);
  'remaining'?: (_google_protobuf_Duration | null);
  'estimate'?: (_rekey_v1_BulkEstimate | null);
  'verification'?: (_rekey_v1_BulkVerification | null);
  'lastFailures'?: (_rekey_v1_BulkFailure)[];
  'policyId'?: (string);
  'consumers'?: (_rekey_v1_ConsumerReach)[];
  'list'?: (_rekey_v1_BulkList | null);
  'noLiveWorker'?: (boolean);
  'requestedBy'?: (string);
}

export interface BulkRotation__Output {
  'id': (string);
  'orgId': (string);
  'state': (_rekey_v1_BulkRotation_State__Output);
  'reason': (string);
  'requestId': (string);
  'createTime': (_google_protobuf_Timestamp__Output | null);
  'startTime': (_google_protobuf_Timestamp__Output | null);
  'updateTime': (_google_protobuf_Timestamp__Output | null);
  'endTime': (_google_protobuf_Timestamp__Output | null);
  'urgent': (boolean);
  'validateOnly': (boolean);
  'explicit': (boolean);
  'search': (string);
  'rotatedBefore': (_google_protobuf_Timestamp__Output | null);
  'canary': (_rekey_v1_Canary__Output | null);
  'maxFailures': (_rekey_v1_FailureLimit__Output | null);
  'counts': (_rekey_v1_BulkCounts__Output | null);
  'stop': (_rekey_v1_BulkStop__Output | null);
  'rate': (number);
  'remaining': (_google_protobuf_Duration__Output | null);
  'estimate': (_rekey_v1_BulkEstimate__Output | null);
  'verification': (_rekey_v1_BulkVerification__Output | null);
  'lastFailures': (_rekey_v1_BulkFailure__Output)[];
  'policyId': (string);
  'consumers': (_rekey_v1_ConsumerReach__Output)[];
  'list': (_rekey_v1_BulkList__Output | null);
  'noLiveWorker': (boolean);
  'requestedBy': (string);
}
