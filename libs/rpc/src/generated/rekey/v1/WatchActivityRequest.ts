// Original file: ../../proto/rekey/v1/activity.proto


export interface WatchActivityRequest {
  'orgId'?: (string);
  'principal'?: (string);
  'target'?: (string);
  'types'?: (string)[];
  'after'?: (string);
}

export interface WatchActivityRequest__Output {
  'orgId': (string);
  'principal': (string);
  'target': (string);
  'types': (string)[];
  'after': (string);
}
