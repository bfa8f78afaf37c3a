// Original file: ../../proto/rekey/v1/rotation.proto


export interface RotateSecretKeyRequest {
  'orgId'?: (string);
  'assistantId'?: (string);
  'requestId'?: (string);
  'reason'?: (string);
}

export interface RotateSecretKeyRequest__Output {
  'orgId': (string);
  'assistantId': (string);
  'requestId': (string);
  'reason': (string);
}
