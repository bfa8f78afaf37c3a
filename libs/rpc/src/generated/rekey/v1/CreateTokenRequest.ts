// Original file: ../../proto/rekey/v1/access.proto

import type { Duration as _google_protobuf_Duration, Duration__Output as _google_protobuf_Duration__Output } from '../../google/protobuf/Duration.ts';

export interface CreateTokenRequest {
  'tokenName'?: (string);
  'role'?: (string);
  'orgs'?: (string)[];
  'ttl'?: (_google_protobuf_Duration | null);
}

export interface CreateTokenRequest__Output {
  'tokenName': (string);
  'role': (string);
  'orgs': (string)[];
  'ttl': (_google_protobuf_Duration__Output | null);
}
