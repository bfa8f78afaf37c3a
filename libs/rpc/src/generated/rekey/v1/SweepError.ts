// Original file: ../../proto/rekey/v1/sweep.proto


export interface SweepError {
  'reason'?: (string);
  'message'?: (string);
  'advice'?: (string);
}

export interface SweepError__Output {
  'reason': (string);
  'message': (string);
  'advice': (string);
}
