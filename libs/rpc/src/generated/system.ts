import type * as grpc from '@grpc/grpc-js';
import type { MessageTypeDefinition } from '@grpc/proto-loader';

import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from './google/protobuf/Timestamp.ts';
import type { AdoptLedgerRequest as _rekey_v1_AdoptLedgerRequest, AdoptLedgerRequest__Output as _rekey_v1_AdoptLedgerRequest__Output } from './rekey/v1/AdoptLedgerRequest.ts';
import type { ArchiveStatus as _rekey_v1_ArchiveStatus, ArchiveStatus__Output as _rekey_v1_ArchiveStatus__Output } from './rekey/v1/ArchiveStatus.ts';
import type { Attention as _rekey_v1_Attention, Attention__Output as _rekey_v1_Attention__Output } from './rekey/v1/Attention.ts';
import type { EndedSweep as _rekey_v1_EndedSweep, EndedSweep__Output as _rekey_v1_EndedSweep__Output } from './rekey/v1/EndedSweep.ts';
import type { FreezeRequest as _rekey_v1_FreezeRequest, FreezeRequest__Output as _rekey_v1_FreezeRequest__Output } from './rekey/v1/FreezeRequest.ts';
import type { FrozenStatus as _rekey_v1_FrozenStatus, FrozenStatus__Output as _rekey_v1_FrozenStatus__Output } from './rekey/v1/FrozenStatus.ts';
import type { GetStatusRequest as _rekey_v1_GetStatusRequest, GetStatusRequest__Output as _rekey_v1_GetStatusRequest__Output } from './rekey/v1/GetStatusRequest.ts';
import type { HeldOrg as _rekey_v1_HeldOrg, HeldOrg__Output as _rekey_v1_HeldOrg__Output } from './rekey/v1/HeldOrg.ts';
import type { LedgerHoldings as _rekey_v1_LedgerHoldings, LedgerHoldings__Output as _rekey_v1_LedgerHoldings__Output } from './rekey/v1/LedgerHoldings.ts';
import type { LedgerStatus as _rekey_v1_LedgerStatus, LedgerStatus__Output as _rekey_v1_LedgerStatus__Output } from './rekey/v1/LedgerStatus.ts';
import type { LimitedCaller as _rekey_v1_LimitedCaller, LimitedCaller__Output as _rekey_v1_LimitedCaller__Output } from './rekey/v1/LimitedCaller.ts';
import type { OpenBudgetRequest as _rekey_v1_OpenBudgetRequest, OpenBudgetRequest__Output as _rekey_v1_OpenBudgetRequest__Output } from './rekey/v1/OpenBudgetRequest.ts';
import type { OpenBulkRotation as _rekey_v1_OpenBulkRotation, OpenBulkRotation__Output as _rekey_v1_OpenBulkRotation__Output } from './rekey/v1/OpenBulkRotation.ts';
import type { OrgAliasStatus as _rekey_v1_OrgAliasStatus, OrgAliasStatus__Output as _rekey_v1_OrgAliasStatus__Output } from './rekey/v1/OrgAliasStatus.ts';
import type { OrgIntents as _rekey_v1_OrgIntents, OrgIntents__Output as _rekey_v1_OrgIntents__Output } from './rekey/v1/OrgIntents.ts';
import type { Process as _rekey_v1_Process, Process__Output as _rekey_v1_Process__Output } from './rekey/v1/Process.ts';
import type { QuarantinedAssistant as _rekey_v1_QuarantinedAssistant, QuarantinedAssistant__Output as _rekey_v1_QuarantinedAssistant__Output } from './rekey/v1/QuarantinedAssistant.ts';
import type { RegistryStatus as _rekey_v1_RegistryStatus, RegistryStatus__Output as _rekey_v1_RegistryStatus__Output } from './rekey/v1/RegistryStatus.ts';
import type { Status as _rekey_v1_Status, Status__Output as _rekey_v1_Status__Output } from './rekey/v1/Status.ts';
import type { SystemServiceClient as _rekey_v1_SystemServiceClient, SystemServiceDefinition as _rekey_v1_SystemServiceDefinition } from './rekey/v1/SystemService.ts';
import type { UncertainAssistant as _rekey_v1_UncertainAssistant, UncertainAssistant__Output as _rekey_v1_UncertainAssistant__Output } from './rekey/v1/UncertainAssistant.ts';
import type { UnfreezeRequest as _rekey_v1_UnfreezeRequest, UnfreezeRequest__Output as _rekey_v1_UnfreezeRequest__Output } from './rekey/v1/UnfreezeRequest.ts';

type SubtypeConstructor<Constructor extends new (...args: any) => any, Subtype> = {
  new(...args: ConstructorParameters<Constructor>): Subtype;
};

export interface ProtoGrpcType {
  google: {
    protobuf: {
      Timestamp: MessageTypeDefinition<_google_protobuf_Timestamp, _google_protobuf_Timestamp__Output>
    }
  }
  rekey: {
    v1: {
      AdoptLedgerRequest: MessageTypeDefinition<_rekey_v1_AdoptLedgerRequest, _rekey_v1_AdoptLedgerRequest__Output>
      ArchiveStatus: MessageTypeDefinition<_rekey_v1_ArchiveStatus, _rekey_v1_ArchiveStatus__Output>
      Attention: MessageTypeDefinition<_rekey_v1_Attention, _rekey_v1_Attention__Output>
      EndedSweep: MessageTypeDefinition<_rekey_v1_EndedSweep, _rekey_v1_EndedSweep__Output>
      FreezeRequest: MessageTypeDefinition<_rekey_v1_FreezeRequest, _rekey_v1_FreezeRequest__Output>
      FrozenStatus: MessageTypeDefinition<_rekey_v1_FrozenStatus, _rekey_v1_FrozenStatus__Output>
      GetStatusRequest: MessageTypeDefinition<_rekey_v1_GetStatusRequest, _rekey_v1_GetStatusRequest__Output>
      HeldOrg: MessageTypeDefinition<_rekey_v1_HeldOrg, _rekey_v1_HeldOrg__Output>
      LedgerHoldings: MessageTypeDefinition<_rekey_v1_LedgerHoldings, _rekey_v1_LedgerHoldings__Output>
      LedgerStatus: MessageTypeDefinition<_rekey_v1_LedgerStatus, _rekey_v1_LedgerStatus__Output>
      LimitedCaller: MessageTypeDefinition<_rekey_v1_LimitedCaller, _rekey_v1_LimitedCaller__Output>
      OpenBudgetRequest: MessageTypeDefinition<_rekey_v1_OpenBudgetRequest, _rekey_v1_OpenBudgetRequest__Output>
      OpenBulkRotation: MessageTypeDefinition<_rekey_v1_OpenBulkRotation, _rekey_v1_OpenBulkRotation__Output>
      OrgAliasStatus: MessageTypeDefinition<_rekey_v1_OrgAliasStatus, _rekey_v1_OrgAliasStatus__Output>
      OrgIntents: MessageTypeDefinition<_rekey_v1_OrgIntents, _rekey_v1_OrgIntents__Output>
      Process: MessageTypeDefinition<_rekey_v1_Process, _rekey_v1_Process__Output>
      QuarantinedAssistant: MessageTypeDefinition<_rekey_v1_QuarantinedAssistant, _rekey_v1_QuarantinedAssistant__Output>
      RegistryStatus: MessageTypeDefinition<_rekey_v1_RegistryStatus, _rekey_v1_RegistryStatus__Output>
      Status: MessageTypeDefinition<_rekey_v1_Status, _rekey_v1_Status__Output>
      SystemService: SubtypeConstructor<typeof grpc.Client, _rekey_v1_SystemServiceClient> & { service: _rekey_v1_SystemServiceDefinition }
      UncertainAssistant: MessageTypeDefinition<_rekey_v1_UncertainAssistant, _rekey_v1_UncertainAssistant__Output>
      UnfreezeRequest: MessageTypeDefinition<_rekey_v1_UnfreezeRequest, _rekey_v1_UnfreezeRequest__Output>
    }
  }
}

