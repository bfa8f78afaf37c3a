// Original file: ../../proto/rekey/v1/assistant.proto

import type { AssistantSummary as _rekey_v1_AssistantSummary, AssistantSummary__Output as _rekey_v1_AssistantSummary__Output } from '../../rekey/v1/AssistantSummary.ts';

export interface ListAssistantsResponse {
  'assistants'?: (_rekey_v1_AssistantSummary)[];
  'nextPageToken'?: (string);
  'incomplete'?: (boolean);
}

export interface ListAssistantsResponse__Output {
  'assistants': (_rekey_v1_AssistantSummary__Output)[];
  'nextPageToken': (string);
  'incomplete': (boolean);
}
