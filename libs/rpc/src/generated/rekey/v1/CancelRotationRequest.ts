// Original file: ../../proto/rekey/v1/rotation.proto


export interface CancelRotationRequest {
  'id'?: (string);
}

export interface CancelRotationRequest__Output {
  'id': (string);
}
