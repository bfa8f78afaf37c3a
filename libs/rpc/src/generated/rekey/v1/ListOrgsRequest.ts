// Original file: ../../proto/rekey/v1/assistant.proto


export interface ListOrgsRequest {
  'pageSize'?: (number);
  'pageToken'?: (string);
}

export interface ListOrgsRequest__Output {
  'pageSize': (number);
  'pageToken': (string);
}
