// Original file: ../../proto/rekey/v1/bulk.proto


export interface PauseBulkRotationRequest {
  'id'?: (string);
}

export interface PauseBulkRotationRequest__Output {
  'id': (string);
}
