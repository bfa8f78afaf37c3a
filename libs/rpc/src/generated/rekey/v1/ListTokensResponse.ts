// Original file: ../../proto/rekey/v1/access.proto

import type { AccessToken as _rekey_v1_AccessToken, AccessToken__Output as _rekey_v1_AccessToken__Output } from '../../rekey/v1/AccessToken.ts';

export interface ListTokensResponse {
  'tokens'?: (_rekey_v1_AccessToken)[];
  'nextPageToken'?: (string);
}

export interface ListTokensResponse__Output {
  'tokens': (_rekey_v1_AccessToken__Output)[];
  'nextPageToken': (string);
}
