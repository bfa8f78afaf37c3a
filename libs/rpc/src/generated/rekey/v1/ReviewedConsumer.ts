// Original file: ../../proto/rekey/v1/consumer.proto


export interface ReviewedConsumer {
  'name'?: (string);
  'orgs'?: (string)[];
  'state'?: (string);
  'createTime'?: (string);
  'keyType'?: (string);
  'keyThumbprint'?: (string);
  'keyVerified'?: (boolean);
  'digest'?: (string);
  'believed'?: (boolean);
  'orgCount'?: (number);
}

export interface ReviewedConsumer__Output {
  'name': (string);
  'orgs': (string)[];
  'state': (string);
  'createTime': (string);
  'keyType': (string);
  'keyThumbprint': (string);
  'keyVerified': (boolean);
  'digest': (string);
  'believed': (boolean);
  'orgCount': (number);
}
