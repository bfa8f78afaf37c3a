// Original file: ../../proto/rekey/v1/consumer.proto


export interface AddConsumerRequest {
  'name'?: (string);
  'orgs'?: (string)[];
  'publicJwk'?: (string);
  'sealedSharedJwk'?: (string);
  'key'?: "publicJwk"|"sealedSharedJwk";
}

export interface AddConsumerRequest__Output {
  'name': (string);
  'orgs': (string)[];
  'publicJwk'?: (string);
  'sealedSharedJwk'?: (string);
  'key'?: "publicJwk"|"sealedSharedJwk";
}
