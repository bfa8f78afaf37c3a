// Original file: ../../proto/rekey/v1/access.proto


export interface AccessGrant {
  'principal'?: (string);
  'role'?: (string);
  'orgs'?: (string)[];
  'source'?: (string);
}

export interface AccessGrant__Output {
  'principal': (string);
  'role': (string);
  'orgs': (string)[];
  'source': (string);
}
