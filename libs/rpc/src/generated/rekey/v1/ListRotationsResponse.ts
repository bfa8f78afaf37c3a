// Original file: ../../proto/rekey/v1/rotation.proto

import type { Rotation as _rekey_v1_Rotation, Rotation__Output as _rekey_v1_Rotation__Output } from '../../rekey/v1/Rotation.ts';

export interface ListRotationsResponse {
  'rotations'?: (_rekey_v1_Rotation)[];
  'nextPageToken'?: (string);
}

export interface ListRotationsResponse__Output {
  'rotations': (_rekey_v1_Rotation__Output)[];
  'nextPageToken': (string);
}
