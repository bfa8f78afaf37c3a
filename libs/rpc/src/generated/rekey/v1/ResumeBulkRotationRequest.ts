// Original file: ../../proto/rekey/v1/bulk.proto


export interface ResumeBulkRotationRequest {
  'id'?: (string);
}

export interface ResumeBulkRotationRequest__Output {
  'id': (string);
}
