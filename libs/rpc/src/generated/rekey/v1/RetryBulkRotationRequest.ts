// Original file: ../../proto/rekey/v1/bulk.proto


export interface RetryBulkRotationRequest {
  'id'?: (string);
}

export interface RetryBulkRotationRequest__Output {
  'id': (string);
}
