// Original file: ../../proto/rekey/v1/consumer.proto


export interface RemoveConsumerRequest {
  'name'?: (string);
}

export interface RemoveConsumerRequest__Output {
  'name': (string);
}
