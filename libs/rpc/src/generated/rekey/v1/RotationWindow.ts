// Original file: ../../proto/rekey/v1/policy.proto

import type { Duration as _google_protobuf_Duration, Duration__Output as _google_protobuf_Duration__Output } from '../../google/protobuf/Duration.ts';

export interface RotationWindow {
  'cron'?: (string);
  'timeZone'?: (string);
  'length'?: (_google_protobuf_Duration | null);
}

export interface RotationWindow__Output {
  'cron': (string);
  'timeZone': (string);
  'length': (_google_protobuf_Duration__Output | null);
}
