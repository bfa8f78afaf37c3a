// Original file: ../../proto/rekey/v1/assistant.proto

import type { _rekey_v1_Assistant_Cause, _rekey_v1_Assistant_Cause__Output } from '../../rekey/v1/Assistant.ts';
import type { _rekey_v1_Assistant_Removal, _rekey_v1_Assistant_Removal__Output } from '../../rekey/v1/Assistant.ts';
import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from '../../google/protobuf/Timestamp.ts';
import type { Long } from '@grpc/proto-loader';

export interface KeyVersion {
  'version'?: (number | string | Long);
  'cause'?: (_rekey_v1_Assistant_Cause);
  'removal'?: (_rekey_v1_Assistant_Removal);
  'publishTime'?: (_google_protobuf_Timestamp | null);
  'rotationId'?: (string);
  'bulkRotationId'?: (string);
  'requestedBy'?: (string);
}

export interface KeyVersion__Output {
  'version': (string);
  'cause': (_rekey_v1_Assistant_Cause__Output);
  'removal': (_rekey_v1_Assistant_Removal__Output);
  'publishTime': (_google_protobuf_Timestamp__Output | null);
  'rotationId': (string);
  'bulkRotationId': (string);
  'requestedBy': (string);
}
