// Original file: ../../proto/rekey/v1/policy.proto


export interface PauseRotationPolicyRequest {
  'id'?: (string);
}

export interface PauseRotationPolicyRequest__Output {
  'id': (string);
}
