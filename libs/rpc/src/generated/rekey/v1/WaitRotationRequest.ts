// Original file: ../../proto/rekey/v1/rotation.proto

import type { Duration as _google_protobuf_Duration, Duration__Output as _google_protobuf_Duration__Output } from '../../google/protobuf/Duration.ts';

export interface WaitRotationRequest {
  'id'?: (string);
  'timeout'?: (_google_protobuf_Duration | null);
}

export interface WaitRotationRequest__Output {
  'id': (string);
  'timeout': (_google_protobuf_Duration__Output | null);
}
