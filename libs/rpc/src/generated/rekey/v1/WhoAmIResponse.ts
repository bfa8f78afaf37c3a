// Original file: ../../proto/rekey/v1/access.proto

import type { AccessGrant as _rekey_v1_AccessGrant, AccessGrant__Output as _rekey_v1_AccessGrant__Output } from '../../rekey/v1/AccessGrant.ts';
import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from '../../google/protobuf/Timestamp.ts';

export interface WhoAmIResponse {
  'principal'?: (string);
  'names'?: (string)[];
  'also'?: (string);
  'grants'?: (_rekey_v1_AccessGrant)[];
  'expireTime'?: (_google_protobuf_Timestamp | null);
}

export interface WhoAmIResponse__Output {
  'principal': (string);
  'names': (string)[];
  'also': (string);
  'grants': (_rekey_v1_AccessGrant__Output)[];
  'expireTime': (_google_protobuf_Timestamp__Output | null);
}
