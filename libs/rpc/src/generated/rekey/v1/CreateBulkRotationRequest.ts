// Original file: ../../proto/rekey/v1/bulk.proto

import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from '../../google/protobuf/Timestamp.ts';
import type { Canary as _rekey_v1_Canary, Canary__Output as _rekey_v1_Canary__Output } from '../../rekey/v1/Canary.ts';
import type { FailureLimit as _rekey_v1_FailureLimit, FailureLimit__Output as _rekey_v1_FailureLimit__Output } from '../../rekey/v1/FailureLimit.ts';

export interface CreateBulkRotationRequest {
  'orgId'?: (string);
  'requestId'?: (string);
  'reason'?: (string);
  'assistantIds'?: (string)[];
  'allAssistants'?: (boolean);
  'search'?: (string);
  'rotatedBefore'?: (_google_protobuf_Timestamp | null);
  'excludeAssistantIds'?: (string)[];
  'urgent'?: (boolean);
  'validateOnly'?: (boolean);
  'canary'?: (_rekey_v1_Canary | null);
  'maxFailures'?: (_rekey_v1_FailureLimit | null);
  'requireConsumers'?: (string)[];
}

export interface CreateBulkRotationRequest__Output {
  'orgId': (string);
  'requestId': (string);
  'reason': (string);
  'assistantIds': (string)[];
  'allAssistants': (boolean);
  'search': (string);
  'rotatedBefore': (_google_protobuf_Timestamp__Output | null);
  'excludeAssistantIds': (string)[];
  'urgent': (boolean);
  'validateOnly': (boolean);
  'canary': (_rekey_v1_Canary__Output | null);
  'maxFailures': (_rekey_v1_FailureLimit__Output | null);
  'requireConsumers': (string)[];
}
