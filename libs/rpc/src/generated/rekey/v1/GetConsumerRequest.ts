// Original file: ../../proto/rekey/v1/consumer.proto


export interface GetConsumerRequest {
  'name'?: (string);
}

export interface GetConsumerRequest__Output {
  'name': (string);
}
