// Original file: ../../proto/rekey/v1/system.proto

import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from '../../google/protobuf/Timestamp.ts';

export interface EndedSweep {
  'id'?: (string);
  'state'?: (string);
  'endTime'?: (_google_protobuf_Timestamp | null);
  'comparedCount'?: (number);
  'reason'?: (string);
}

export interface EndedSweep__Output {
  'id': (string);
  'state': (string);
  'endTime': (_google_protobuf_Timestamp__Output | null);
  'comparedCount': (number);
  'reason': (string);
}
