// Original file: ../../proto/rekey/v1/event.proto


export interface GetSnapshotRequest {
  'consumer'?: (string);
  'pageToken'?: (string);
}

export interface GetSnapshotRequest__Output {
  'consumer': (string);
  'pageToken': (string);
}
