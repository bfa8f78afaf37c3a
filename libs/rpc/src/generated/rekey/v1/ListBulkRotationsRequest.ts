// Original file: ../../proto/rekey/v1/bulk.proto

import type { _rekey_v1_BulkRotation_State, _rekey_v1_BulkRotation_State__Output } from '../../rekey/v1/BulkRotation.ts';

export interface ListBulkRotationsRequest {
  'orgId'?: (string);
  'state'?: (_rekey_v1_BulkRotation_State);
  'pageSize'?: (number);
  'pageToken'?: (string);
}

export interface ListBulkRotationsRequest__Output {
  'orgId': (string);
  'state': (_rekey_v1_BulkRotation_State__Output);
  'pageSize': (number);
  'pageToken': (string);
}
