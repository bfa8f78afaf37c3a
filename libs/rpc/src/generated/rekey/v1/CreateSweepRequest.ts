// Original file: ../../proto/rekey/v1/sweep.proto


export interface CreateSweepRequest {
  'orgId'?: (string);
  'acceptRemovals'?: (boolean);
}

export interface CreateSweepRequest__Output {
  'orgId': (string);
  'acceptRemovals': (boolean);
}
