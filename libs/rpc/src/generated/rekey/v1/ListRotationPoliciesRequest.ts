// Original file: ../../proto/rekey/v1/policy.proto


export interface ListRotationPoliciesRequest {
  'orgId'?: (string);
}

export interface ListRotationPoliciesRequest__Output {
  'orgId': (string);
}
