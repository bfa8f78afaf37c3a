// Original file: ../../proto/rekey/v1/system.proto

import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from '../../google/protobuf/Timestamp.ts';

export interface QuarantinedAssistant {
  'assistantId'?: (string);
  'sinceTime'?: (_google_protobuf_Timestamp | null);
  'why'?: (string);
}

export interface QuarantinedAssistant__Output {
  'assistantId': (string);
  'sinceTime': (_google_protobuf_Timestamp__Output | null);
  'why': (string);
}
