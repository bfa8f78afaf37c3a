// Original file: ../../proto/rekey/v1/bulk.proto


export interface GetBulkRotationRequest {
  'id'?: (string);
}

export interface GetBulkRotationRequest__Output {
  'id': (string);
}
