// Original file: ../../proto/rekey/v1/access.proto


export interface CheckAccessRequest {
  'permission'?: (string);
  'orgId'?: (string);
  'principal'?: (string);
}

export interface CheckAccessRequest__Output {
  'permission': (string);
  'orgId': (string);
  'principal': (string);
}
