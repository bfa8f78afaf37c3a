// Original file: ../../proto/rekey/v1/assistant.proto

import type { Duration as _google_protobuf_Duration, Duration__Output as _google_protobuf_Duration__Output } from '../../google/protobuf/Duration.ts';

// Original file: ../../proto/rekey/v1/assistant.proto

export const _rekey_v1_ListAssistantsRequest_Order = {
  ORDER_UNSPECIFIED: 'ORDER_UNSPECIFIED',
  ID: 'ID',
  OLDEST_KEY: 'OLDEST_KEY',
  NEWEST_KEY: 'NEWEST_KEY',
  LAST_CHANGE: 'LAST_CHANGE',
} as const;

export type _rekey_v1_ListAssistantsRequest_Order =
  | 'ORDER_UNSPECIFIED'
  | 0
  | 'ID'
  | 1
  | 'OLDEST_KEY'
  | 2
  | 'NEWEST_KEY'
  | 3
  | 'LAST_CHANGE'
  | 4

export type _rekey_v1_ListAssistantsRequest_Order__Output = typeof _rekey_v1_ListAssistantsRequest_Order[keyof typeof _rekey_v1_ListAssistantsRequest_Order]

export interface ListAssistantsRequest {
  'orgId'?: (string);
  'idPrefix'?: (string);
  'olderThan'?: (_google_protobuf_Duration | null);
  'uncertain'?: (boolean);
  'notAcknowledgedBy'?: (string);
  'order'?: (_rekey_v1_ListAssistantsRequest_Order);
  'pageSize'?: (number);
  'pageToken'?: (string);
}

export interface ListAssistantsRequest__Output {
  'orgId': (string);
  'idPrefix': (string);
  'olderThan': (_google_protobuf_Duration__Output | null);
  'uncertain': (boolean);
  'notAcknowledgedBy': (string);
  'order': (_rekey_v1_ListAssistantsRequest_Order__Output);
  'pageSize': (number);
  'pageToken': (string);
}
