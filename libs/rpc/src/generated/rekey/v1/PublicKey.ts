// Original file: ../../proto/rekey/v1/consumer.proto


export interface PublicKey {
  'jwk'?: (string);
}

export interface PublicKey__Output {
  'jwk': (string);
}
