// Original file: ../../proto/rekey/v1/system.proto

import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from '../../google/protobuf/Timestamp.ts';

export interface FrozenStatus {
  'sinceTime'?: (_google_protobuf_Timestamp | null);
  'reason'?: (string);
  'requestedBy'?: (string);
}

export interface FrozenStatus__Output {
  'sinceTime': (_google_protobuf_Timestamp__Output | null);
  'reason': (string);
  'requestedBy': (string);
}
