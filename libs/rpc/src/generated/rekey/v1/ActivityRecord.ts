// Original file: ../../proto/rekey/v1/activity.proto

import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from '../../google/protobuf/Timestamp.ts';
import type { ActivityField as _rekey_v1_ActivityField, ActivityField__Output as _rekey_v1_ActivityField__Output } from '../../rekey/v1/ActivityField.ts';
import type { Long } from '@grpc/proto-loader';

export interface ActivityRecord {
  'position'?: (string);
  'time'?: (_google_protobuf_Timestamp | null);
  'type'?: (string);
  'principal'?: (string);
  'otherPrincipals'?: (string)[];
  'orgId'?: (string);
  'target'?: (string);
  'assistantId'?: (string);
  'reason'?: (string);
  'requestId'?: (string);
  'traceId'?: (string);
  'before'?: (string);
  'after'?: (string);
  'count'?: (number | string | Long);
  'otherFields'?: (_rekey_v1_ActivityField)[];
  'address'?: (string);
}

export interface ActivityRecord__Output {
  'position': (string);
  'time': (_google_protobuf_Timestamp__Output | null);
  'type': (string);
  'principal': (string);
  'otherPrincipals': (string)[];
  'orgId': (string);
  'target': (string);
  'assistantId': (string);
  'reason': (string);
  'requestId': (string);
  'traceId': (string);
  'before': (string);
  'after': (string);
  'count': (string);
  'otherFields': (_rekey_v1_ActivityField__Output)[];
  'address': (string);
}
