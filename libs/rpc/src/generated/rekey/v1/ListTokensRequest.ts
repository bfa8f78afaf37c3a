// Original file: ../../proto/rekey/v1/access.proto


export interface ListTokensRequest {
  'pageSize'?: (number);
  'pageToken'?: (string);
}

export interface ListTokensRequest__Output {
  'pageSize': (number);
  'pageToken': (string);
}
