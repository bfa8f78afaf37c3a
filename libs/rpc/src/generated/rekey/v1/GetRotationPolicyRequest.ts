// Original file: ../../proto/rekey/v1/policy.proto


export interface GetRotationPolicyRequest {
  'id'?: (string);
}

export interface GetRotationPolicyRequest__Output {
  'id': (string);
}
