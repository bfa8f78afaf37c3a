// Original file: ../../proto/rekey/v1/bulk.proto


export interface WatchBulkRotationRequest {
  'id'?: (string);
  'untilStopped'?: (boolean);
}

export interface WatchBulkRotationRequest__Output {
  'id': (string);
  'untilStopped': (boolean);
}
