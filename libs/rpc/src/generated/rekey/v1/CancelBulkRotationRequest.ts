// Original file: ../../proto/rekey/v1/bulk.proto


export interface CancelBulkRotationRequest {
  'id'?: (string);
}

export interface CancelBulkRotationRequest__Output {
  'id': (string);
}
