import type * as grpc from '@grpc/grpc-js';
import type { MessageTypeDefinition } from '@grpc/proto-loader';

import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from './google/protobuf/Timestamp.ts';
import type { FreezeRequest as _rekey_v1_FreezeRequest, FreezeRequest__Output as _rekey_v1_FreezeRequest__Output } from './rekey/v1/FreezeRequest.ts';
import type { FrozenStatus as _rekey_v1_FrozenStatus, FrozenStatus__Output as _rekey_v1_FrozenStatus__Output } from './rekey/v1/FrozenStatus.ts';
import type { GetStatusRequest as _rekey_v1_GetStatusRequest, GetStatusRequest__Output as _rekey_v1_GetStatusRequest__Output } from './rekey/v1/GetStatusRequest.ts';
import type { OrgAliasStatus as _rekey_v1_OrgAliasStatus, OrgAliasStatus__Output as _rekey_v1_OrgAliasStatus__Output } from './rekey/v1/OrgAliasStatus.ts';
import type { OrgIntents as _rekey_v1_OrgIntents, OrgIntents__Output as _rekey_v1_OrgIntents__Output } from './rekey/v1/OrgIntents.ts';
import type { QuarantinedAssistant as _rekey_v1_QuarantinedAssistant, QuarantinedAssistant__Output as _rekey_v1_QuarantinedAssistant__Output } from './rekey/v1/QuarantinedAssistant.ts';
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
      FreezeRequest: MessageTypeDefinition<_rekey_v1_FreezeRequest, _rekey_v1_FreezeRequest__Output>
      FrozenStatus: MessageTypeDefinition<_rekey_v1_FrozenStatus, _rekey_v1_FrozenStatus__Output>
      GetStatusRequest: MessageTypeDefinition<_rekey_v1_GetStatusRequest, _rekey_v1_GetStatusRequest__Output>
      OrgAliasStatus: MessageTypeDefinition<_rekey_v1_OrgAliasStatus, _rekey_v1_OrgAliasStatus__Output>
      OrgIntents: MessageTypeDefinition<_rekey_v1_OrgIntents, _rekey_v1_OrgIntents__Output>
      QuarantinedAssistant: MessageTypeDefinition<_rekey_v1_QuarantinedAssistant, _rekey_v1_QuarantinedAssistant__Output>
      Status: MessageTypeDefinition<_rekey_v1_Status, _rekey_v1_Status__Output>
      SystemService: SubtypeConstructor<typeof grpc.Client, _rekey_v1_SystemServiceClient> & { service: _rekey_v1_SystemServiceDefinition }
      UncertainAssistant: MessageTypeDefinition<_rekey_v1_UncertainAssistant, _rekey_v1_UncertainAssistant__Output>
      UnfreezeRequest: MessageTypeDefinition<_rekey_v1_UnfreezeRequest, _rekey_v1_UnfreezeRequest__Output>
    }
  }
}

