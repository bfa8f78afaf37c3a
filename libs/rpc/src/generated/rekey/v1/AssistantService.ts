// Original file: ../../proto/rekey/v1/assistant.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { Assistant as _rekey_v1_Assistant, Assistant__Output as _rekey_v1_Assistant__Output } from '../../rekey/v1/Assistant.ts';
import type { GetAssistantRequest as _rekey_v1_GetAssistantRequest, GetAssistantRequest__Output as _rekey_v1_GetAssistantRequest__Output } from '../../rekey/v1/GetAssistantRequest.ts';

export interface AssistantServiceClient extends grpc.Client {
  GetAssistant(argument: _rekey_v1_GetAssistantRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_Assistant__Output>): grpc.ClientUnaryCall;
  GetAssistant(argument: _rekey_v1_GetAssistantRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_rekey_v1_Assistant__Output>): grpc.ClientUnaryCall;
  GetAssistant(argument: _rekey_v1_GetAssistantRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_Assistant__Output>): grpc.ClientUnaryCall;
  GetAssistant(argument: _rekey_v1_GetAssistantRequest, callback: grpc.requestCallback<_rekey_v1_Assistant__Output>): grpc.ClientUnaryCall;
  getAssistant(argument: _rekey_v1_GetAssistantRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_Assistant__Output>): grpc.ClientUnaryCall;
  getAssistant(argument: _rekey_v1_GetAssistantRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_rekey_v1_Assistant__Output>): grpc.ClientUnaryCall;
  getAssistant(argument: _rekey_v1_GetAssistantRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_Assistant__Output>): grpc.ClientUnaryCall;
  getAssistant(argument: _rekey_v1_GetAssistantRequest, callback: grpc.requestCallback<_rekey_v1_Assistant__Output>): grpc.ClientUnaryCall;
  
}

export interface AssistantServiceHandlers extends grpc.UntypedServiceImplementation {
  GetAssistant: grpc.handleUnaryCall<_rekey_v1_GetAssistantRequest__Output, _rekey_v1_Assistant>;
  
}

export interface AssistantServiceDefinition extends grpc.ServiceDefinition {
  GetAssistant: MethodDefinition<_rekey_v1_GetAssistantRequest, _rekey_v1_Assistant, _rekey_v1_GetAssistantRequest__Output, _rekey_v1_Assistant__Output>
}
