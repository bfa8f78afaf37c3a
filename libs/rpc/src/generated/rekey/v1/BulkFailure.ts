// Original file: ../../proto/rekey/v1/bulk.proto

import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from '../../google/protobuf/Timestamp.ts';

export interface BulkFailure {
  'assistantId'?: (string);
  'reason'?: (string);
  'time'?: (_google_protobuf_Timestamp | null);
}

export interface BulkFailure__Output {
  'assistantId': (string);
  'reason': (string);
  'time': (_google_protobuf_Timestamp__Output | null);
}
