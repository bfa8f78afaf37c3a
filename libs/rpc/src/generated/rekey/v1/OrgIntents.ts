// Original file: ../../proto/rekey/v1/system.proto


export interface OrgIntents {
  'orgId'?: (string);
  'count'?: (number);
}

export interface OrgIntents__Output {
  'orgId': (string);
  'count': (number);
}
