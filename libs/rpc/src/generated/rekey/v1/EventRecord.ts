// Original file: ../../proto/rekey/v1/event.proto

import type { WithheldEvent as _rekey_v1_WithheldEvent, WithheldEvent__Output as _rekey_v1_WithheldEvent__Output } from '../../rekey/v1/WithheldEvent.ts';

export interface EventRecord {
  'assistantId'?: (string);
  'event'?: (string);
  'withheld'?: (_rekey_v1_WithheldEvent | null);
  'content'?: "event"|"withheld";
}

export interface EventRecord__Output {
  'assistantId': (string);
  'event'?: (string);
  'withheld'?: (_rekey_v1_WithheldEvent__Output | null);
  'content'?: "event"|"withheld";
}
