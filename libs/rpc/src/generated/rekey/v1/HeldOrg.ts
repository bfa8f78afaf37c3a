// Original file: ../../proto/rekey/v1/system.proto

import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from '../../google/protobuf/Timestamp.ts';

export interface HeldOrg {
  'orgId'?: (string);
  'sinceTime'?: (_google_protobuf_Timestamp | null);
  'reason'?: (string);
  'affectedCount'?: (number);
  'knownCount'?: (number);
}

export interface HeldOrg__Output {
  'orgId': (string);
  'sinceTime': (_google_protobuf_Timestamp__Output | null);
  'reason': (string);
  'affectedCount': (number);
  'knownCount': (number);
}
