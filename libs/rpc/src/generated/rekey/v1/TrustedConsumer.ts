// Original file: ../../proto/rekey/v1/consumer.proto


export interface TrustedConsumer {
  'name'?: (string);
  'digest'?: (string);
}

export interface TrustedConsumer__Output {
  'name': (string);
  'digest': (string);
}
