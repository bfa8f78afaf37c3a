// Original file: ../../proto/rekey/v1/system.proto

import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from '../../google/protobuf/Timestamp.ts';

export interface Process {
  'id'?: (string);
  'kind'?: (string);
  'roles'?: (string)[];
  'version'?: (string);
  'startTime'?: (_google_protobuf_Timestamp | null);
  'seenTime'?: (_google_protobuf_Timestamp | null);
  'live'?: (boolean);
}

export interface Process__Output {
  'id': (string);
  'kind': (string);
  'roles': (string)[];
  'version': (string);
  'startTime': (_google_protobuf_Timestamp__Output | null);
  'seenTime': (_google_protobuf_Timestamp__Output | null);
  'live': (boolean);
}
