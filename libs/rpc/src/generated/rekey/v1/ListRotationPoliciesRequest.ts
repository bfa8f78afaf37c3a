// Original file: ../../proto/rekey/v1/policy.proto


export interface ListRotationPoliciesRequest {
  'orgId'?: (string);
  'pageSize'?: (number);
  'pageToken'?: (string);
}

export interface ListRotationPoliciesRequest__Output {
  'orgId': (string);
  'pageSize': (number);
  'pageToken': (string);
}
