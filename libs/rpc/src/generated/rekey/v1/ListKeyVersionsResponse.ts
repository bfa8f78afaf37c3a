// Original file: ../../proto/rekey/v1/assistant.proto

import type { KeyVersion as _rekey_v1_KeyVersion, KeyVersion__Output as _rekey_v1_KeyVersion__Output } from '../../rekey/v1/KeyVersion.ts';

export interface ListKeyVersionsResponse {
  'versions'?: (_rekey_v1_KeyVersion)[];
}

export interface ListKeyVersionsResponse__Output {
  'versions': (_rekey_v1_KeyVersion__Output)[];
}
