// Original file: ../../proto/rekey/v1/sweep.proto


export interface ListSweepsRequest {
  'pageSize'?: (number);
  'pageToken'?: (string);
}

export interface ListSweepsRequest__Output {
  'pageSize': (number);
  'pageToken': (string);
}
