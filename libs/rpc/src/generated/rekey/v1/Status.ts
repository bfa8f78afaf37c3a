// Original file: ../../proto/rekey/v1/system.proto

import type { FrozenStatus as _rekey_v1_FrozenStatus, FrozenStatus__Output as _rekey_v1_FrozenStatus__Output } from '../../rekey/v1/FrozenStatus.ts';
import type { OrgIntents as _rekey_v1_OrgIntents, OrgIntents__Output as _rekey_v1_OrgIntents__Output } from '../../rekey/v1/OrgIntents.ts';
import type { UncertainAssistant as _rekey_v1_UncertainAssistant, UncertainAssistant__Output as _rekey_v1_UncertainAssistant__Output } from '../../rekey/v1/UncertainAssistant.ts';
import type { QuarantinedAssistant as _rekey_v1_QuarantinedAssistant, QuarantinedAssistant__Output as _rekey_v1_QuarantinedAssistant__Output } from '../../rekey/v1/QuarantinedAssistant.ts';
import type { OrgAliasStatus as _rekey_v1_OrgAliasStatus, OrgAliasStatus__Output as _rekey_v1_OrgAliasStatus__Output } from '../../rekey/v1/OrgAliasStatus.ts';

export interface Status {
  'frozen'?: (_rekey_v1_FrozenStatus | null);
  'openRotationCount'?: (number);
  'failedRotationCount'?: (number);
  'openIntents'?: (_rekey_v1_OrgIntents)[];
  'uncertain'?: (_rekey_v1_UncertainAssistant)[];
  'uncertainCount'?: (number);
  'quarantined'?: (_rekey_v1_QuarantinedAssistant)[];
  'quarantinedCount'?: (number);
  'checkCount'?: (number);
  'orgAlias'?: (_rekey_v1_OrgAliasStatus | null);
}

export interface Status__Output {
  'frozen': (_rekey_v1_FrozenStatus__Output | null);
  'openRotationCount': (number);
  'failedRotationCount': (number);
  'openIntents': (_rekey_v1_OrgIntents__Output)[];
  'uncertain': (_rekey_v1_UncertainAssistant__Output)[];
  'uncertainCount': (number);
  'quarantined': (_rekey_v1_QuarantinedAssistant__Output)[];
  'quarantinedCount': (number);
  'checkCount': (number);
  'orgAlias': (_rekey_v1_OrgAliasStatus__Output | null);
}
