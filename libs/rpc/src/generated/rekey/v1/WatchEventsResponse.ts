// Original file: ../../proto/rekey/v1/event.proto

import type { EventEntry as _rekey_v1_EventEntry, EventEntry__Output as _rekey_v1_EventEntry__Output } from '../../rekey/v1/EventEntry.ts';

export interface WatchEventsResponse {
  'entries'?: (_rekey_v1_EventEntry)[];
  'after'?: (string);
}

export interface WatchEventsResponse__Output {
  'entries': (_rekey_v1_EventEntry__Output)[];
  'after': (string);
}
