// Original file: ../../proto/rekey/v1/activity.proto

import type { ActivityRecord as _rekey_v1_ActivityRecord, ActivityRecord__Output as _rekey_v1_ActivityRecord__Output } from '../../rekey/v1/ActivityRecord.ts';
import type { Long } from '@grpc/proto-loader';

export interface ListActivityResponse {
  'records'?: (_rekey_v1_ActivityRecord)[];
  'nextPageToken'?: (string);
  'unreadableCount'?: (number | string | Long);
}

export interface ListActivityResponse__Output {
  'records': (_rekey_v1_ActivityRecord__Output)[];
  'nextPageToken': (string);
  'unreadableCount': (string);
}
