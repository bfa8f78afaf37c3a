// Original file: ../../proto/rekey/v1/activity.proto

import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from '../../google/protobuf/Timestamp.ts';

export interface ListActivityRequest {
  'orgId'?: (string);
  'principal'?: (string);
  'target'?: (string);
  'types'?: (string)[];
  'startTime'?: (_google_protobuf_Timestamp | null);
  'endTime'?: (_google_protobuf_Timestamp | null);
  'oldestFirst'?: (boolean);
  'pageSize'?: (number);
  'pageToken'?: (string);
}

export interface ListActivityRequest__Output {
  'orgId': (string);
  'principal': (string);
  'target': (string);
  'types': (string)[];
  'startTime': (_google_protobuf_Timestamp__Output | null);
  'endTime': (_google_protobuf_Timestamp__Output | null);
  'oldestFirst': (boolean);
  'pageSize': (number);
  'pageToken': (string);
}
