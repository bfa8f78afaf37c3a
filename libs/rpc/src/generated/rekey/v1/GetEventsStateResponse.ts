// Original file: ../../proto/rekey/v1/event.proto

import type { EventEntry as _rekey_v1_EventEntry, EventEntry__Output as _rekey_v1_EventEntry__Output } from '../../rekey/v1/EventEntry.ts';
import type { Long } from '@grpc/proto-loader';

export interface GetEventsStateResponse {
  'consumerEntry'?: (string);
  'redisTimeUs'?: (number | string | Long);
  'redisRunId'?: (string);
  'lastId'?: (string);
  'lastEntryId'?: (string);
  'skipped'?: (_rekey_v1_EventEntry | null);
  'lastEntries'?: (_rekey_v1_EventEntry)[];
}

export interface GetEventsStateResponse__Output {
  'consumerEntry': (string);
  'redisTimeUs': (string);
  'redisRunId': (string);
  'lastId': (string);
  'lastEntryId': (string);
  'skipped': (_rekey_v1_EventEntry__Output | null);
  'lastEntries': (_rekey_v1_EventEntry__Output)[];
}
