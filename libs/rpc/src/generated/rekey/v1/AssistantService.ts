// Original file: ../../proto/rekey/v1/assistant.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { Assistant as _rekey_v1_Assistant, Assistant__Output as _rekey_v1_Assistant__Output } from '../../rekey/v1/Assistant.ts';
import type { GetAssistantRequest as _rekey_v1_GetAssistantRequest, GetAssistantRequest__Output as _rekey_v1_GetAssistantRequest__Output } from '../../rekey/v1/GetAssistantRequest.ts';
import type { ListAssistantsRequest as _rekey_v1_ListAssistantsRequest, ListAssistantsRequest__Output as _rekey_v1_ListAssistantsRequest__Output } from '../../rekey/v1/ListAssistantsRequest.ts';
import type { ListAssistantsResponse as _rekey_v1_ListAssistantsResponse, ListAssistantsResponse__Output as _rekey_v1_ListAssistantsResponse__Output } from '../../rekey/v1/ListAssistantsResponse.ts';
import type { ListKeyVersionsRequest as _rekey_v1_ListKeyVersionsRequest, ListKeyVersionsRequest__Output as _rekey_v1_ListKeyVersionsRequest__Output } from '../../rekey/v1/ListKeyVersionsRequest.ts';
import type { ListKeyVersionsResponse as _rekey_v1_ListKeyVersionsResponse, ListKeyVersionsResponse__Output as _rekey_v1_ListKeyVersionsResponse__Output } from '../../rekey/v1/ListKeyVersionsResponse.ts';
import type { ListOrgsRequest as _rekey_v1_ListOrgsRequest, ListOrgsRequest__Output as _rekey_v1_ListOrgsRequest__Output } from '../../rekey/v1/ListOrgsRequest.ts';
import type { ListOrgsResponse as _rekey_v1_ListOrgsResponse, ListOrgsResponse__Output as _rekey_v1_ListOrgsResponse__Output } from '../../rekey/v1/ListOrgsResponse.ts';

export interface AssistantServiceClient extends grpc.Client {
  GetAssistant(argument: _rekey_v1_GetAssistantRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_Assistant__Output>): grpc.ClientUnaryCall;
  GetAssistant(argument: _rekey_v1_GetAssistantRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_rekey_v1_Assistant__Output>): grpc.ClientUnaryCall;
  GetAssistant(argument: _rekey_v1_GetAssistantRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_Assistant__Output>): grpc.ClientUnaryCall;
  GetAssistant(argument: _rekey_v1_GetAssistantRequest, callback: grpc.requestCallback<_rekey_v1_Assistant__Output>): grpc.ClientUnaryCall;
  getAssistant(argument: _rekey_v1_GetAssistantRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_Assistant__Output>): grpc.ClientUnaryCall;
  getAssistant(argument: _rekey_v1_GetAssistantRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_rekey_v1_Assistant__Output>): grpc.ClientUnaryCall;
  getAssistant(argument: _rekey_v1_GetAssistantRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_Assistant__Output>): grpc.ClientUnaryCall;
  getAssistant(argument: _rekey_v1_GetAssistantRequest, callback: grpc.requestCallback<_rekey_v1_Assistant__Output>): grpc.ClientUnaryCall;
  
  ListAssistants(argument: _rekey_v1_ListAssistantsRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_ListAssistantsResponse__Output>): grpc.ClientUnaryCall;
  ListAssistants(argument: _rekey_v1_ListAssistantsRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_rekey_v1_ListAssistantsResponse__Output>): grpc.ClientUnaryCall;
  ListAssistants(argument: _rekey_v1_ListAssistantsRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_ListAssistantsResponse__Output>): grpc.ClientUnaryCall;
  ListAssistants(argument: _rekey_v1_ListAssistantsRequest, callback: grpc.requestCallback<_rekey_v1_ListAssistantsResponse__Output>): grpc.ClientUnaryCall;
  listAssistants(argument: _rekey_v1_ListAssistantsRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_ListAssistantsResponse__Output>): grpc.ClientUnaryCall;
  listAssistants(argument: _rekey_v1_ListAssistantsRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_rekey_v1_ListAssistantsResponse__Output>): grpc.ClientUnaryCall;
  listAssistants(argument: _rekey_v1_ListAssistantsRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_ListAssistantsResponse__Output>): grpc.ClientUnaryCall;
  listAssistants(argument: _rekey_v1_ListAssistantsRequest, callback: grpc.requestCallback<_rekey_v1_ListAssistantsResponse__Output>): grpc.ClientUnaryCall;
  
  ListKeyVersions(argument: _rekey_v1_ListKeyVersionsRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_ListKeyVersionsResponse__Output>): grpc.ClientUnaryCall;
  ListKeyVersions(argument: _rekey_v1_ListKeyVersionsRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_rekey_v1_ListKeyVersionsResponse__Output>): grpc.ClientUnaryCall;
  ListKeyVersions(argument: _rekey_v1_ListKeyVersionsRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_ListKeyVersionsResponse__Output>): grpc.ClientUnaryCall;
  ListKeyVersions(argument: _rekey_v1_ListKeyVersionsRequest, callback: grpc.requestCallback<_rekey_v1_ListKeyVersionsResponse__Output>): grpc.ClientUnaryCall;
  listKeyVersions(argument: _rekey_v1_ListKeyVersionsRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_ListKeyVersionsResponse__Output>): grpc.ClientUnaryCall;
  listKeyVersions(argument: _rekey_v1_ListKeyVersionsRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_rekey_v1_ListKeyVersionsResponse__Output>): grpc.ClientUnaryCall;
  listKeyVersions(argument: _rekey_v1_ListKeyVersionsRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_ListKeyVersionsResponse__Output>): grpc.ClientUnaryCall;
  listKeyVersions(argument: _rekey_v1_ListKeyVersionsRequest, callback: grpc.requestCallback<_rekey_v1_ListKeyVersionsResponse__Output>): grpc.ClientUnaryCall;
  
  ListOrgs(argument: _rekey_v1_ListOrgsRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_ListOrgsResponse__Output>): grpc.ClientUnaryCall;
  ListOrgs(argument: _rekey_v1_ListOrgsRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_rekey_v1_ListOrgsResponse__Output>): grpc.ClientUnaryCall;
  ListOrgs(argument: _rekey_v1_ListOrgsRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_ListOrgsResponse__Output>): grpc.ClientUnaryCall;
  ListOrgs(argument: _rekey_v1_ListOrgsRequest, callback: grpc.requestCallback<_rekey_v1_ListOrgsResponse__Output>): grpc.ClientUnaryCall;
  listOrgs(argument: _rekey_v1_ListOrgsRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_ListOrgsResponse__Output>): grpc.ClientUnaryCall;
  listOrgs(argument: _rekey_v1_ListOrgsRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_rekey_v1_ListOrgsResponse__Output>): grpc.ClientUnaryCall;
  listOrgs(argument: _rekey_v1_ListOrgsRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_ListOrgsResponse__Output>): grpc.ClientUnaryCall;
  listOrgs(argument: _rekey_v1_ListOrgsRequest, callback: grpc.requestCallback<_rekey_v1_ListOrgsResponse__Output>): grpc.ClientUnaryCall;
  
}

export interface AssistantServiceHandlers extends grpc.UntypedServiceImplementation {
  GetAssistant: grpc.handleUnaryCall<_rekey_v1_GetAssistantRequest__Output, _rekey_v1_Assistant>;
  
  ListAssistants: grpc.handleUnaryCall<_rekey_v1_ListAssistantsRequest__Output, _rekey_v1_ListAssistantsResponse>;
  
  ListKeyVersions: grpc.handleUnaryCall<_rekey_v1_ListKeyVersionsRequest__Output, _rekey_v1_ListKeyVersionsResponse>;
  
  ListOrgs: grpc.handleUnaryCall<_rekey_v1_ListOrgsRequest__Output, _rekey_v1_ListOrgsResponse>;
  
}

export interface AssistantServiceDefinition extends grpc.ServiceDefinition {
  GetAssistant: MethodDefinition<_rekey_v1_GetAssistantRequest, _rekey_v1_Assistant, _rekey_v1_GetAssistantRequest__Output, _rekey_v1_Assistant__Output>
  ListAssistants: MethodDefinition<_rekey_v1_ListAssistantsRequest, _rekey_v1_ListAssistantsResponse, _rekey_v1_ListAssistantsRequest__Output, _rekey_v1_ListAssistantsResponse__Output>
  ListKeyVersions: MethodDefinition<_rekey_v1_ListKeyVersionsRequest, _rekey_v1_ListKeyVersionsResponse, _rekey_v1_ListKeyVersionsRequest__Output, _rekey_v1_ListKeyVersionsResponse__Output>
  ListOrgs: MethodDefinition<_rekey_v1_ListOrgsRequest, _rekey_v1_ListOrgsResponse, _rekey_v1_ListOrgsRequest__Output, _rekey_v1_ListOrgsResponse__Output>
}
