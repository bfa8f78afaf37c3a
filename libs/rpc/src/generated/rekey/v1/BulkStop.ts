// Original file: ../../proto/rekey/v1/bulk.proto


export interface BulkStop {
  'reason'?: (string);
  'message'?: (string);
  'advice'?: (string);
}

export interface BulkStop__Output {
  'reason': (string);
  'message': (string);
  'advice': (string);
}
