// Original file: ../../proto/rekey/v1/activity.proto

import type { ActivityRecord as _rekey_v1_ActivityRecord, ActivityRecord__Output as _rekey_v1_ActivityRecord__Output } from '../../rekey/v1/ActivityRecord.ts';
import type { Long } from '@grpc/proto-loader';

export interface WatchActivityResponse {
  'record'?: (_rekey_v1_ActivityRecord | null);
  'position'?: (string);
  'unreadableCount'?: (number | string | Long);
}

export interface WatchActivityResponse__Output {
  'record': (_rekey_v1_ActivityRecord__Output | null);
  'position': (string);
  'unreadableCount': (string);
}
