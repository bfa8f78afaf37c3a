// Original file: ../../proto/rekey/v1/rotation.proto

import type { _rekey_v1_Rotation_State, _rekey_v1_Rotation_State__Output } from '../../rekey/v1/Rotation.ts';

export interface ListRotationsRequest {
  'orgId'?: (string);
  'assistantId'?: (string);
  'state'?: (_rekey_v1_Rotation_State);
  'pageSize'?: (number);
  'pageToken'?: (string);
}

export interface ListRotationsRequest__Output {
  'orgId': (string);
  'assistantId': (string);
  'state': (_rekey_v1_Rotation_State__Output);
  'pageSize': (number);
  'pageToken': (string);
}
