// Original file: ../../proto/rekey/v1/policy.proto


export interface DeleteRotationPolicyRequest {
  'id'?: (string);
}

export interface DeleteRotationPolicyRequest__Output {
  'id': (string);
}
