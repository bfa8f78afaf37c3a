// Original file: ../../proto/rekey/v1/policy.proto

import type { RotationPolicy as _rekey_v1_RotationPolicy, RotationPolicy__Output as _rekey_v1_RotationPolicy__Output } from '../../rekey/v1/RotationPolicy.ts';
import type { FieldMask as _google_protobuf_FieldMask, FieldMask__Output as _google_protobuf_FieldMask__Output } from '../../google/protobuf/FieldMask.ts';

export interface UpdateRotationPolicyRequest {
  'rotationPolicy'?: (_rekey_v1_RotationPolicy | null);
  'updateMask'?: (_google_protobuf_FieldMask | null);
}

export interface UpdateRotationPolicyRequest__Output {
  'rotationPolicy': (_rekey_v1_RotationPolicy__Output | null);
  'updateMask': (_google_protobuf_FieldMask__Output | null);
}
