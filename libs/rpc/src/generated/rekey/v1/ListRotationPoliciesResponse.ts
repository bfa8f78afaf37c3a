// Original file: ../../proto/rekey/v1/policy.proto

import type { RotationPolicy as _rekey_v1_RotationPolicy, RotationPolicy__Output as _rekey_v1_RotationPolicy__Output } from '../../rekey/v1/RotationPolicy.ts';

export interface ListRotationPoliciesResponse {
  'rotationPolicies'?: (_rekey_v1_RotationPolicy)[];
  'nextPageToken'?: (string);
}

export interface ListRotationPoliciesResponse__Output {
  'rotationPolicies': (_rekey_v1_RotationPolicy__Output)[];
  'nextPageToken': (string);
}
