// Original file: ../../proto/rekey/v1/system.proto

import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from '../../google/protobuf/Timestamp.ts';

export interface Attention {
  'code'?: (string);
  'sinceTime'?: (_google_protobuf_Timestamp | null);
  'subject'?: (string);
  'message'?: (string);
  'advice'?: (string);
}

export interface Attention__Output {
  'code': (string);
  'sinceTime': (_google_protobuf_Timestamp__Output | null);
  'subject': (string);
  'message': (string);
  'advice': (string);
}
