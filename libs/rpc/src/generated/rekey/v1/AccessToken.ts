// Original file: ../../proto/rekey/v1/access.proto

import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from '../../google/protobuf/Timestamp.ts';

export interface AccessToken {
  'name'?: (string);
  'role'?: (string);
  'orgs'?: (string)[];
  'requestedBy'?: (string);
  'createTime'?: (_google_protobuf_Timestamp | null);
  'expireTime'?: (_google_protobuf_Timestamp | null);
  'lastUseTime'?: (_google_protobuf_Timestamp | null);
}

export interface AccessToken__Output {
  'name': (string);
  'role': (string);
  'orgs': (string)[];
  'requestedBy': (string);
  'createTime': (_google_protobuf_Timestamp__Output | null);
  'expireTime': (_google_protobuf_Timestamp__Output | null);
  'lastUseTime': (_google_protobuf_Timestamp__Output | null);
}
