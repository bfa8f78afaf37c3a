// Original file: ../../proto/rekey/v1/bulk.proto

import type { _rekey_v1_BulkRotationItem_State, _rekey_v1_BulkRotationItem_State__Output } from '../../rekey/v1/BulkRotationItem.ts';

export interface ListBulkRotationItemsRequest {
  'id'?: (string);
  'state'?: (_rekey_v1_BulkRotationItem_State);
  'pageSize'?: (number);
  'pageToken'?: (string);
}

export interface ListBulkRotationItemsRequest__Output {
  'id': (string);
  'state': (_rekey_v1_BulkRotationItem_State__Output);
  'pageSize': (number);
  'pageToken': (string);
}
