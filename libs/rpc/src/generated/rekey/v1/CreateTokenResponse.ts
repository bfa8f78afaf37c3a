// Original file: ../../proto/rekey/v1/access.proto

import type { AccessToken as _rekey_v1_AccessToken, AccessToken__Output as _rekey_v1_AccessToken__Output } from '../../rekey/v1/AccessToken.ts';

export interface CreateTokenResponse {
  'token'?: (_rekey_v1_AccessToken | null);
  'secret'?: (string);
}

export interface CreateTokenResponse__Output {
  'token': (_rekey_v1_AccessToken__Output | null);
  'secret': (string);
}
