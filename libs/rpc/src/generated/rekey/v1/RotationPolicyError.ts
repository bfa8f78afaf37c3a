// Original file: ../../proto/rekey/v1/policy.proto


export interface RotationPolicyError {
  'reason'?: (string);
  'message'?: (string);
  'advice'?: (string);
}

export interface RotationPolicyError__Output {
  'reason': (string);
  'message': (string);
  'advice': (string);
}
