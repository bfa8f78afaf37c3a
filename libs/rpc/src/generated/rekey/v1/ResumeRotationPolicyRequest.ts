// Original file: ../../proto/rekey/v1/policy.proto


export interface ResumeRotationPolicyRequest {
  'id'?: (string);
}

export interface ResumeRotationPolicyRequest__Output {
  'id': (string);
}
