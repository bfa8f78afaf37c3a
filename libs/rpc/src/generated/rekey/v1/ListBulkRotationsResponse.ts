// Original file: ../../proto/rekey/v1/bulk.proto

import type { BulkRotation as _rekey_v1_BulkRotation, BulkRotation__Output as _rekey_v1_BulkRotation__Output } from '../../rekey/v1/BulkRotation.ts';

export interface ListBulkRotationsResponse {
  'bulkRotations'?: (_rekey_v1_BulkRotation)[];
  'nextPageToken'?: (string);
}

export interface ListBulkRotationsResponse__Output {
  'bulkRotations': (_rekey_v1_BulkRotation__Output)[];
  'nextPageToken': (string);
}
