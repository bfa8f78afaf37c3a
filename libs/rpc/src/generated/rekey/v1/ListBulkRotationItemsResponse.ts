// Original file: ../../proto/rekey/v1/bulk.proto

import type { BulkRotationItem as _rekey_v1_BulkRotationItem, BulkRotationItem__Output as _rekey_v1_BulkRotationItem__Output } from '../../rekey/v1/BulkRotationItem.ts';

export interface ListBulkRotationItemsResponse {
  'items'?: (_rekey_v1_BulkRotationItem)[];
  'nextPageToken'?: (string);
}

export interface ListBulkRotationItemsResponse__Output {
  'items': (_rekey_v1_BulkRotationItem__Output)[];
  'nextPageToken': (string);
}
