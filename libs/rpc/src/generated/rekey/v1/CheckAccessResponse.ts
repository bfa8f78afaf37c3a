// Original file: ../../proto/rekey/v1/access.proto

import type { AccessGrant as _rekey_v1_AccessGrant, AccessGrant__Output as _rekey_v1_AccessGrant__Output } from '../../rekey/v1/AccessGrant.ts';

export interface CheckAccessResponse {
  'allowed'?: (boolean);
  'grants'?: (_rekey_v1_AccessGrant)[];
  'otherGrants'?: (_rekey_v1_AccessGrant)[];
  'weakestRole'?: (string);
}

export interface CheckAccessResponse__Output {
  'allowed': (boolean);
  'grants': (_rekey_v1_AccessGrant__Output)[];
  'otherGrants': (_rekey_v1_AccessGrant__Output)[];
  'weakestRole': (string);
}
