// Original file: ../../proto/rekey/v1/rotation.proto

import type { Duration as _google_protobuf_Duration, Duration__Output as _google_protobuf_Duration__Output } from '../../google/protobuf/Duration.ts';

// Original file: ../../proto/rekey/v1/rotation.proto

export const _rekey_v1_WaitRotationRequest_Until = {
  UNTIL_UNSPECIFIED: 'UNTIL_UNSPECIFIED',
  ENDED: 'ENDED',
  ACKNOWLEDGED: 'ACKNOWLEDGED',
} as const;

export type _rekey_v1_WaitRotationRequest_Until =
  | 'UNTIL_UNSPECIFIED'
  | 0
  | 'ENDED'
  | 1
  | 'ACKNOWLEDGED'
  | 2

export type _rekey_v1_WaitRotationRequest_Until__Output = typeof _rekey_v1_WaitRotationRequest_Until[keyof typeof _rekey_v1_WaitRotationRequest_Until]

export interface WaitRotationRequest {
  'id'?: (string);
  'timeout'?: (_google_protobuf_Duration | null);
  'until'?: (_rekey_v1_WaitRotationRequest_Until);
  'consumers'?: (string)[];
}

export interface WaitRotationRequest__Output {
  'id': (string);
  'timeout': (_google_protobuf_Duration__Output | null);
  'until': (_rekey_v1_WaitRotationRequest_Until__Output);
  'consumers': (string)[];
}
