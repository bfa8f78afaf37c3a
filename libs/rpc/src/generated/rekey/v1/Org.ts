// Original file: ../../proto/rekey/v1/assistant.proto

import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from '../../google/protobuf/Timestamp.ts';
import type { Long } from '@grpc/proto-loader';

export interface Org {
  'orgId'?: (string);
  'assistantCount'?: (number | string | Long);
  'uncertainCount'?: (number | string | Long);
  'unknownAgeCount'?: (number | string | Long);
  'oldestKeyTime'?: (_google_protobuf_Timestamp | null);
}

export interface Org__Output {
  'orgId': (string);
  'assistantCount': (string);
  'uncertainCount': (string);
  'unknownAgeCount': (string);
  'oldestKeyTime': (_google_protobuf_Timestamp__Output | null);
}
