// Original file: ../../proto/rekey/v1/event.proto


export interface GetRecordsRequest {
  'consumer'?: (string);
  'assistantIds'?: (string)[];
}

export interface GetRecordsRequest__Output {
  'consumer': (string);
  'assistantIds': (string)[];
}
