// Original file: ../../proto/rekey/v1/system.proto


export interface OpenBulkRotation {
  'id'?: (string);
  'state'?: (string);
  'totalCount'?: (number);
  'doneCount'?: (number);
}

export interface OpenBulkRotation__Output {
  'id': (string);
  'state': (string);
  'totalCount': (number);
  'doneCount': (number);
}
