// Original file: ../../proto/rekey/v1/rotation.proto


export interface GetRotationRequest {
  'id'?: (string);
}

export interface GetRotationRequest__Output {
  'id': (string);
}
