// Original file: ../../proto/rekey/v1/event.proto

import type { SkippedRange as _rekey_v1_SkippedRange, SkippedRange__Output as _rekey_v1_SkippedRange__Output } from '../../rekey/v1/SkippedRange.ts';
import type { WithheldEvent as _rekey_v1_WithheldEvent, WithheldEvent__Output as _rekey_v1_WithheldEvent__Output } from '../../rekey/v1/WithheldEvent.ts';

export interface EventEntry {
  'id'?: (string);
  'skipped'?: (_rekey_v1_SkippedRange)[];
  'event'?: (string);
  'withheld'?: (_rekey_v1_WithheldEvent | null);
  'content'?: "event"|"withheld";
}

export interface EventEntry__Output {
  'id': (string);
  'skipped': (_rekey_v1_SkippedRange__Output)[];
  'event'?: (string);
  'withheld'?: (_rekey_v1_WithheldEvent__Output | null);
  'content'?: "event"|"withheld";
}
