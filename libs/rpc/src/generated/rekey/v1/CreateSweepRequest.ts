// Original file: ../../proto/rekey/v1/sweep.proto


export interface CreateSweepRequest {
  'orgId'?: (string);
}

export interface CreateSweepRequest__Output {
  'orgId': (string);
}
