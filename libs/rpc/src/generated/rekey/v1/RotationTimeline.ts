// Original file: ../../proto/rekey/v1/rotation.proto

import type { Rotation as _rekey_v1_Rotation, Rotation__Output as _rekey_v1_Rotation__Output } from '../../rekey/v1/Rotation.ts';
import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from '../../google/protobuf/Timestamp.ts';
import type { _rekey_v1_ConsumerReach_State, _rekey_v1_ConsumerReach_State__Output } from '../../rekey/v1/ConsumerReach.ts';

// Original file: ../../proto/rekey/v1/rotation.proto

export const _rekey_v1_RotationTimeline_Step_Kind = {
  KIND_UNSPECIFIED: 'KIND_UNSPECIFIED',
  ACCEPTED: 'ACCEPTED',
  CLAIMED: 'CLAIMED',
  SENT: 'SENT',
  UNKNOWN: 'UNKNOWN',
  READ: 'READ',
  PUBLISHED: 'PUBLISHED',
  ENDED: 'ENDED',
  ACKNOWLEDGED: 'ACKNOWLEDGED',
} as const;

export type _rekey_v1_RotationTimeline_Step_Kind =
  | 'KIND_UNSPECIFIED'
  | 0
  | 'ACCEPTED'
  | 1
  | 'CLAIMED'
  | 2
  | 'SENT'
  | 3
  | 'UNKNOWN'
  | 4
  | 'READ'
  | 5
  | 'PUBLISHED'
  | 6
  | 'ENDED'
  | 7
  | 'ACKNOWLEDGED'
  | 8

export type _rekey_v1_RotationTimeline_Step_Kind__Output = typeof _rekey_v1_RotationTimeline_Step_Kind[keyof typeof _rekey_v1_RotationTimeline_Step_Kind]

export interface _rekey_v1_RotationTimeline_Step {
  'kind'?: (_rekey_v1_RotationTimeline_Step_Kind);
  'time'?: (_google_protobuf_Timestamp | null);
  'consumer'?: (string);
  'state'?: (_rekey_v1_ConsumerReach_State);
}

export interface _rekey_v1_RotationTimeline_Step__Output {
  'kind': (_rekey_v1_RotationTimeline_Step_Kind__Output);
  'time': (_google_protobuf_Timestamp__Output | null);
  'consumer': (string);
  'state': (_rekey_v1_ConsumerReach_State__Output);
}

export interface RotationTimeline {
  'rotation'?: (_rekey_v1_Rotation | null);
  'steps'?: (_rekey_v1_RotationTimeline_Step)[];
}

export interface RotationTimeline__Output {
  'rotation': (_rekey_v1_Rotation__Output | null);
  'steps': (_rekey_v1_RotationTimeline_Step__Output)[];
}
