// Original file: ../../proto/rekey/v1/rotation.proto


export interface RotationError {
  'reason'?: (string);
  'message'?: (string);
  'advice'?: (string);
  'upstreamStatus'?: (number);
}

export interface RotationError__Output {
  'reason': (string);
  'message': (string);
  'advice': (string);
  'upstreamStatus': (number);
}
