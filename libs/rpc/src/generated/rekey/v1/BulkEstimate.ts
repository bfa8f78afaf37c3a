// Original file: ../../proto/rekey/v1/bulk.proto

import type { Duration as _google_protobuf_Duration, Duration__Output as _google_protobuf_Duration__Output } from '../../google/protobuf/Duration.ts';

export interface BulkEstimate {
  'requestCount'?: (number);
  'duration'?: (_google_protobuf_Duration | null);
}

export interface BulkEstimate__Output {
  'requestCount': (number);
  'duration': (_google_protobuf_Duration__Output | null);
}
