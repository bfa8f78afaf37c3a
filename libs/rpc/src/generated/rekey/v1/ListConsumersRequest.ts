// Original file: ../../proto/rekey/v1/consumer.proto


export interface ListConsumersRequest {
  'pageSize'?: (number);
  'pageToken'?: (string);
}

export interface ListConsumersRequest__Output {
  'pageSize': (number);
  'pageToken': (string);
}
