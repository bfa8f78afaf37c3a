import type * as grpc from '@grpc/grpc-js';
import type { MessageTypeDefinition } from '@grpc/proto-loader';

import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from './google/protobuf/Timestamp.ts';
import type { Assistant as _rekey_v1_Assistant, Assistant__Output as _rekey_v1_Assistant__Output } from './rekey/v1/Assistant.ts';
import type { AssistantServiceClient as _rekey_v1_AssistantServiceClient, AssistantServiceDefinition as _rekey_v1_AssistantServiceDefinition } from './rekey/v1/AssistantService.ts';
import type { GetAssistantRequest as _rekey_v1_GetAssistantRequest, GetAssistantRequest__Output as _rekey_v1_GetAssistantRequest__Output } from './rekey/v1/GetAssistantRequest.ts';

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
      Assistant: MessageTypeDefinition<_rekey_v1_Assistant, _rekey_v1_Assistant__Output>
      AssistantService: SubtypeConstructor<typeof grpc.Client, _rekey_v1_AssistantServiceClient> & { service: _rekey_v1_AssistantServiceDefinition }
      GetAssistantRequest: MessageTypeDefinition<_rekey_v1_GetAssistantRequest, _rekey_v1_GetAssistantRequest__Output>
    }
  }
}

