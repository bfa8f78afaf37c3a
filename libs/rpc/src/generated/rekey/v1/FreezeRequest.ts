// Original file: ../../proto/rekey/v1/system.proto


export interface FreezeRequest {
  'reason'?: (string);
}

export interface FreezeRequest__Output {
  'reason': (string);
}
