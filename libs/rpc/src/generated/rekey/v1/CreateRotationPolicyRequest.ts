// Original file: ../../proto/rekey/v1/policy.proto

import type { RotationWindow as _rekey_v1_RotationWindow, RotationWindow__Output as _rekey_v1_RotationWindow__Output } from '../../rekey/v1/RotationWindow.ts';
import type { FailureLimit as _rekey_v1_FailureLimit, FailureLimit__Output as _rekey_v1_FailureLimit__Output } from '../../rekey/v1/FailureLimit.ts';

export interface CreateRotationPolicyRequest {
  'orgId'?: (string);
  'requestId'?: (string);
  'reason'?: (string);
  'assistantIds'?: (string)[];
  'allAssistants'?: (boolean);
  'everyDays'?: (number);
  'window'?: (_rekey_v1_RotationWindow | null);
  'maxFailures'?: (_rekey_v1_FailureLimit | null);
}

export interface CreateRotationPolicyRequest__Output {
  'orgId': (string);
  'requestId': (string);
  'reason': (string);
  'assistantIds': (string)[];
  'allAssistants': (boolean);
  'everyDays': (number);
  'window': (_rekey_v1_RotationWindow__Output | null);
  'maxFailures': (_rekey_v1_FailureLimit__Output | null);
}
