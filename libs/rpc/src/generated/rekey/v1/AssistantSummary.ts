// Original file: ../../proto/rekey/v1/assistant.proto

import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from '../../google/protobuf/Timestamp.ts';
import type { _rekey_v1_Assistant_Removal, _rekey_v1_Assistant_Removal__Output } from '../../rekey/v1/Assistant.ts';
import type { Long } from '@grpc/proto-loader';

export interface AssistantSummary {
  'assistantId'?: (string);
  'orgId'?: (string);
  'version'?: (number | string | Long);
  'updateTime'?: (_google_protobuf_Timestamp | null);
  'keyTime'?: (_google_protobuf_Timestamp | null);
  'fingerprint'?: (string);
  'removal'?: (_rekey_v1_Assistant_Removal);
  'uncertain'?: (boolean);
}

export interface AssistantSummary__Output {
  'assistantId': (string);
  'orgId': (string);
  'version': (string);
  'updateTime': (_google_protobuf_Timestamp__Output | null);
  'keyTime': (_google_protobuf_Timestamp__Output | null);
  'fingerprint': (string);
  'removal': (_rekey_v1_Assistant_Removal__Output);
  'uncertain': (boolean);
}
