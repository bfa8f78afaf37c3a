// Original file: ../../proto/rekey/v1/rotation.proto

import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from '../../google/protobuf/Timestamp.ts';

export interface Reconciliation {
  'sinceTime'?: (_google_protobuf_Timestamp | null);
  'nextReadTime'?: (_google_protobuf_Timestamp | null);
  'operatorNeeded'?: (boolean);
  'advice'?: (string);
  'readError'?: (string);
}

export interface Reconciliation__Output {
  'sinceTime': (_google_protobuf_Timestamp__Output | null);
  'nextReadTime': (_google_protobuf_Timestamp__Output | null);
  'operatorNeeded': (boolean);
  'advice': (string);
  'readError': (string);
}
