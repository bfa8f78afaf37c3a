// Original file: ../../proto/rekey/v1/event.proto

import type { EventRecord as _rekey_v1_EventRecord, EventRecord__Output as _rekey_v1_EventRecord__Output } from '../../rekey/v1/EventRecord.ts';

export interface GetSnapshotResponse {
  'records'?: (_rekey_v1_EventRecord)[];
  'uncertain'?: (_rekey_v1_EventRecord)[];
  'nextPageToken'?: (string);
}

export interface GetSnapshotResponse__Output {
  'records': (_rekey_v1_EventRecord__Output)[];
  'uncertain': (_rekey_v1_EventRecord__Output)[];
  'nextPageToken': (string);
}
