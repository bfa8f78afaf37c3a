// Original file: ../../proto/rekey/v1/consumer.proto


export interface SetConsumerOrgsRequest {
  'name'?: (string);
  'orgs'?: (string)[];
}

export interface SetConsumerOrgsRequest__Output {
  'name': (string);
  'orgs': (string)[];
}
