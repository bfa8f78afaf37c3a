// Original file: ../../proto/rekey/v1/event.proto

import type { EventRecord as _rekey_v1_EventRecord, EventRecord__Output as _rekey_v1_EventRecord__Output } from '../../rekey/v1/EventRecord.ts';

export interface GetRecordsResponse {
  'records'?: (_rekey_v1_EventRecord)[];
}

export interface GetRecordsResponse__Output {
  'records': (_rekey_v1_EventRecord__Output)[];
}
