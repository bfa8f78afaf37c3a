// Original file: ../../proto/rekey/v1/system.proto

import type { FrozenStatus as _rekey_v1_FrozenStatus, FrozenStatus__Output as _rekey_v1_FrozenStatus__Output } from '../../rekey/v1/FrozenStatus.ts';
import type { OrgIntents as _rekey_v1_OrgIntents, OrgIntents__Output as _rekey_v1_OrgIntents__Output } from '../../rekey/v1/OrgIntents.ts';
import type { UncertainAssistant as _rekey_v1_UncertainAssistant, UncertainAssistant__Output as _rekey_v1_UncertainAssistant__Output } from '../../rekey/v1/UncertainAssistant.ts';
import type { QuarantinedAssistant as _rekey_v1_QuarantinedAssistant, QuarantinedAssistant__Output as _rekey_v1_QuarantinedAssistant__Output } from '../../rekey/v1/QuarantinedAssistant.ts';
import type { Attention as _rekey_v1_Attention, Attention__Output as _rekey_v1_Attention__Output } from '../../rekey/v1/Attention.ts';
import type { Process as _rekey_v1_Process, Process__Output as _rekey_v1_Process__Output } from '../../rekey/v1/Process.ts';
import type { EndedSweep as _rekey_v1_EndedSweep, EndedSweep__Output as _rekey_v1_EndedSweep__Output } from '../../rekey/v1/EndedSweep.ts';
import type { OpenBulkRotation as _rekey_v1_OpenBulkRotation, OpenBulkRotation__Output as _rekey_v1_OpenBulkRotation__Output } from '../../rekey/v1/OpenBulkRotation.ts';
import type { LedgerStatus as _rekey_v1_LedgerStatus, LedgerStatus__Output as _rekey_v1_LedgerStatus__Output } from '../../rekey/v1/LedgerStatus.ts';
import type { OrgAliasStatus as _rekey_v1_OrgAliasStatus, OrgAliasStatus__Output as _rekey_v1_OrgAliasStatus__Output } from '../../rekey/v1/OrgAliasStatus.ts';
import type { HeldOrg as _rekey_v1_HeldOrg, HeldOrg__Output as _rekey_v1_HeldOrg__Output } from '../../rekey/v1/HeldOrg.ts';
import type { RegistryStatus as _rekey_v1_RegistryStatus, RegistryStatus__Output as _rekey_v1_RegistryStatus__Output } from '../../rekey/v1/RegistryStatus.ts';
import type { LimitedCaller as _rekey_v1_LimitedCaller, LimitedCaller__Output as _rekey_v1_LimitedCaller__Output } from '../../rekey/v1/LimitedCaller.ts';
import type { ArchiveStatus as _rekey_v1_ArchiveStatus, ArchiveStatus__Output as _rekey_v1_ArchiveStatus__Output } from '../../rekey/v1/ArchiveStatus.ts';

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
  'attention'?: (_rekey_v1_Attention)[];
  'processes'?: (_rekey_v1_Process)[];
  'lastSweep'?: (_rekey_v1_EndedSweep | null);
  'lastSuccessfulSweep'?: (_rekey_v1_EndedSweep | null);
  'runningSweepId'?: (string);
  'openBulkRotations'?: (_rekey_v1_OpenBulkRotation)[];
  'waitingInBulksCount'?: (number);
  'ledger'?: (_rekey_v1_LedgerStatus | null);
  'orgAlias'?: (_rekey_v1_OrgAliasStatus | null);
  'heldOrgs'?: (_rekey_v1_HeldOrg)[];
  'registry'?: (_rekey_v1_RegistryStatus | null);
  'limitedCallers'?: (_rekey_v1_LimitedCaller)[];
  'archive'?: (_rekey_v1_ArchiveStatus | null);
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
  'attention': (_rekey_v1_Attention__Output)[];
  'processes': (_rekey_v1_Process__Output)[];
  'lastSweep': (_rekey_v1_EndedSweep__Output | null);
  'lastSuccessfulSweep': (_rekey_v1_EndedSweep__Output | null);
  'runningSweepId': (string);
  'openBulkRotations': (_rekey_v1_OpenBulkRotation__Output)[];
  'waitingInBulksCount': (number);
  'ledger': (_rekey_v1_LedgerStatus__Output | null);
  'orgAlias': (_rekey_v1_OrgAliasStatus__Output | null);
  'heldOrgs': (_rekey_v1_HeldOrg__Output)[];
  'registry': (_rekey_v1_RegistryStatus__Output | null);
  'limitedCallers': (_rekey_v1_LimitedCaller__Output)[];
  'archive': (_rekey_v1_ArchiveStatus__Output | null);
}
