// Original file: ../../proto/rekey/v1/policy.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { CreateRotationPolicyRequest as _rekey_v1_CreateRotationPolicyRequest, CreateRotationPolicyRequest__Output as _rekey_v1_CreateRotationPolicyRequest__Output } from '../../rekey/v1/CreateRotationPolicyRequest.ts';
import type { DeleteRotationPolicyRequest as _rekey_v1_DeleteRotationPolicyRequest, DeleteRotationPolicyRequest__Output as _rekey_v1_DeleteRotationPolicyRequest__Output } from '../../rekey/v1/DeleteRotationPolicyRequest.ts';
import type { DeleteRotationPolicyResponse as _rekey_v1_DeleteRotationPolicyResponse, DeleteRotationPolicyResponse__Output as _rekey_v1_DeleteRotationPolicyResponse__Output } from '../../rekey/v1/DeleteRotationPolicyResponse.ts';
import type { GetRotationPolicyRequest as _rekey_v1_GetRotationPolicyRequest, GetRotationPolicyRequest__Output as _rekey_v1_GetRotationPolicyRequest__Output } from '../../rekey/v1/GetRotationPolicyRequest.ts';
import type { ListRotationPoliciesRequest as _rekey_v1_ListRotationPoliciesRequest, ListRotationPoliciesRequest__Output as _rekey_v1_ListRotationPoliciesRequest__Output } from '../../rekey/v1/ListRotationPoliciesRequest.ts';
import type { ListRotationPoliciesResponse as _rekey_v1_ListRotationPoliciesResponse, ListRotationPoliciesResponse__Output as _rekey_v1_ListRotationPoliciesResponse__Output } from '../../rekey/v1/ListRotationPoliciesResponse.ts';
import type { PauseRotationPolicyRequest as _rekey_v1_PauseRotationPolicyRequest, PauseRotationPolicyRequest__Output as _rekey_v1_PauseRotationPolicyRequest__Output } from '../../rekey/v1/PauseRotationPolicyRequest.ts';
import type { ResumeRotationPolicyRequest as _rekey_v1_ResumeRotationPolicyRequest, ResumeRotationPolicyRequest__Output as _rekey_v1_ResumeRotationPolicyRequest__Output } from '../../rekey/v1/ResumeRotationPolicyRequest.ts';
import type { RotationPolicy as _rekey_v1_RotationPolicy, RotationPolicy__Output as _rekey_v1_RotationPolicy__Output } from '../../rekey/v1/RotationPolicy.ts';
import type { UpdateRotationPolicyRequest as _rekey_v1_UpdateRotationPolicyRequest, UpdateRotationPolicyRequest__Output as _rekey_v1_UpdateRotationPolicyRequest__Output } from '../../rekey/v1/UpdateRotationPolicyRequest.ts';

export interface RotationPolicyServiceClient extends grpc.Client {
  CreateRotationPolicy(metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_RotationPolicy__Output>): grpc.ClientWritableStream<_rekey_v1_CreateRotationPolicyRequest>;
  CreateRotationPolicy(metadata: grpc.Metadata, callback: grpc.requestCallback<_rekey_v1_RotationPolicy__Output>): grpc.ClientWritableStream<_rekey_v1_CreateRotationPolicyRequest>;
  CreateRotationPolicy(options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_RotationPolicy__Output>): grpc.ClientWritableStream<_rekey_v1_CreateRotationPolicyRequest>;
  CreateRotationPolicy(callback: grpc.requestCallback<_rekey_v1_RotationPolicy__Output>): grpc.ClientWritableStream<_rekey_v1_CreateRotationPolicyRequest>;
  createRotationPolicy(metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_RotationPolicy__Output>): grpc.ClientWritableStream<_rekey_v1_CreateRotationPolicyRequest>;
  createRotationPolicy(metadata: grpc.Metadata, callback: grpc.requestCallback<_rekey_v1_RotationPolicy__Output>): grpc.ClientWritableStream<_rekey_v1_CreateRotationPolicyRequest>;
  createRotationPolicy(options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_RotationPolicy__Output>): grpc.ClientWritableStream<_rekey_v1_CreateRotationPolicyRequest>;
  createRotationPolicy(callback: grpc.requestCallback<_rekey_v1_RotationPolicy__Output>): grpc.ClientWritableStream<_rekey_v1_CreateRotationPolicyRequest>;
  
  DeleteRotationPolicy(argument: _rekey_v1_DeleteRotationPolicyRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_DeleteRotationPolicyResponse__Output>): grpc.ClientUnaryCall;
  DeleteRotationPolicy(argument: _rekey_v1_DeleteRotationPolicyRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_rekey_v1_DeleteRotationPolicyResponse__Output>): grpc.ClientUnaryCall;
  DeleteRotationPolicy(argument: _rekey_v1_DeleteRotationPolicyRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_DeleteRotationPolicyResponse__Output>): grpc.ClientUnaryCall;
  DeleteRotationPolicy(argument: _rekey_v1_DeleteRotationPolicyRequest, callback: grpc.requestCallback<_rekey_v1_DeleteRotationPolicyResponse__Output>): grpc.ClientUnaryCall;
  deleteRotationPolicy(argument: _rekey_v1_DeleteRotationPolicyRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_DeleteRotationPolicyResponse__Output>): grpc.ClientUnaryCall;
  deleteRotationPolicy(argument: _rekey_v1_DeleteRotationPolicyRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_rekey_v1_DeleteRotationPolicyResponse__Output>): grpc.ClientUnaryCall;
  deleteRotationPolicy(argument: _rekey_v1_DeleteRotationPolicyRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_DeleteRotationPolicyResponse__Output>): grpc.ClientUnaryCall;
  deleteRotationPolicy(argument: _rekey_v1_DeleteRotationPolicyRequest, callback: grpc.requestCallback<_rekey_v1_DeleteRotationPolicyResponse__Output>): grpc.ClientUnaryCall;
  
  GetRotationPolicy(argument: _rekey_v1_GetRotationPolicyRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_RotationPolicy__Output>): grpc.ClientUnaryCall;
  GetRotationPolicy(argument: _rekey_v1_GetRotationPolicyRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_rekey_v1_RotationPolicy__Output>): grpc.ClientUnaryCall;
  GetRotationPolicy(argument: _rekey_v1_GetRotationPolicyRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_RotationPolicy__Output>): grpc.ClientUnaryCall;
  GetRotationPolicy(argument: _rekey_v1_GetRotationPolicyRequest, callback: grpc.requestCallback<_rekey_v1_RotationPolicy__Output>): grpc.ClientUnaryCall;
  getRotationPolicy(argument: _rekey_v1_GetRotationPolicyRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_RotationPolicy__Output>): grpc.ClientUnaryCall;
  getRotationPolicy(argument: _rekey_v1_GetRotationPolicyRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_rekey_v1_RotationPolicy__Output>): grpc.ClientUnaryCall;
  getRotationPolicy(argument: _rekey_v1_GetRotationPolicyRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_RotationPolicy__Output>): grpc.ClientUnaryCall;
  getRotationPolicy(argument: _rekey_v1_GetRotationPolicyRequest, callback: grpc.requestCallback<_rekey_v1_RotationPolicy__Output>): grpc.ClientUnaryCall;
  
  ListRotationPolicies(argument: _rekey_v1_ListRotationPoliciesRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_ListRotationPoliciesResponse__Output>): grpc.ClientUnaryCall;
  ListRotationPolicies(argument: _rekey_v1_ListRotationPoliciesRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_rekey_v1_ListRotationPoliciesResponse__Output>): grpc.ClientUnaryCall;
  ListRotationPolicies(argument: _rekey_v1_ListRotationPoliciesRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_ListRotationPoliciesResponse__Output>): grpc.ClientUnaryCall;
  ListRotationPolicies(argument: _rekey_v1_ListRotationPoliciesRequest, callback: grpc.requestCallback<_rekey_v1_ListRotationPoliciesResponse__Output>): grpc.ClientUnaryCall;
  listRotationPolicies(argument: _rekey_v1_ListRotationPoliciesRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_ListRotationPoliciesResponse__Output>): grpc.ClientUnaryCall;
  listRotationPolicies(argument: _rekey_v1_ListRotationPoliciesRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_rekey_v1_ListRotationPoliciesResponse__Output>): grpc.ClientUnaryCall;
  listRotationPolicies(argument: _rekey_v1_ListRotationPoliciesRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_ListRotationPoliciesResponse__Output>): grpc.ClientUnaryCall;
  listRotationPolicies(argument: _rekey_v1_ListRotationPoliciesRequest, callback: grpc.requestCallback<_rekey_v1_ListRotationPoliciesResponse__Output>): grpc.ClientUnaryCall;
  
  PauseRotationPolicy(argument: _rekey_v1_PauseRotationPolicyRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_RotationPolicy__Output>): grpc.ClientUnaryCall;
  PauseRotationPolicy(argument: _rekey_v1_PauseRotationPolicyRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_rekey_v1_RotationPolicy__Output>): grpc.ClientUnaryCall;
  PauseRotationPolicy(argument: _rekey_v1_PauseRotationPolicyRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_RotationPolicy__Output>): grpc.ClientUnaryCall;
  PauseRotationPolicy(argument: _rekey_v1_PauseRotationPolicyRequest, callback: grpc.requestCallback<_rekey_v1_RotationPolicy__Output>): grpc.ClientUnaryCall;
  pauseRotationPolicy(argument: _rekey_v1_PauseRotationPolicyRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_RotationPolicy__Output>): grpc.ClientUnaryCall;
  pauseRotationPolicy(argument: _rekey_v1_PauseRotationPolicyRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_rekey_v1_RotationPolicy__Output>): grpc.ClientUnaryCall;
  pauseRotationPolicy(argument: _rekey_v1_PauseRotationPolicyRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_RotationPolicy__Output>): grpc.ClientUnaryCall;
  pauseRotationPolicy(argument: _rekey_v1_PauseRotationPolicyRequest, callback: grpc.requestCallback<_rekey_v1_RotationPolicy__Output>): grpc.ClientUnaryCall;
  
  ResumeRotationPolicy(argument: _rekey_v1_ResumeRotationPolicyRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_RotationPolicy__Output>): grpc.ClientUnaryCall;
  ResumeRotationPolicy(argument: _rekey_v1_ResumeRotationPolicyRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_rekey_v1_RotationPolicy__Output>): grpc.ClientUnaryCall;
  ResumeRotationPolicy(argument: _rekey_v1_ResumeRotationPolicyRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_RotationPolicy__Output>): grpc.ClientUnaryCall;
  ResumeRotationPolicy(argument: _rekey_v1_ResumeRotationPolicyRequest, callback: grpc.requestCallback<_rekey_v1_RotationPolicy__Output>): grpc.ClientUnaryCall;
  resumeRotationPolicy(argument: _rekey_v1_ResumeRotationPolicyRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_RotationPolicy__Output>): grpc.ClientUnaryCall;
  resumeRotationPolicy(argument: _rekey_v1_ResumeRotationPolicyRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_rekey_v1_RotationPolicy__Output>): grpc.ClientUnaryCall;
  resumeRotationPolicy(argument: _rekey_v1_ResumeRotationPolicyRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_RotationPolicy__Output>): grpc.ClientUnaryCall;
  resumeRotationPolicy(argument: _rekey_v1_ResumeRotationPolicyRequest, callback: grpc.requestCallback<_rekey_v1_RotationPolicy__Output>): grpc.ClientUnaryCall;
  
  UpdateRotationPolicy(argument: _rekey_v1_UpdateRotationPolicyRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_RotationPolicy__Output>): grpc.ClientUnaryCall;
  UpdateRotationPolicy(argument: _rekey_v1_UpdateRotationPolicyRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_rekey_v1_RotationPolicy__Output>): grpc.ClientUnaryCall;
  UpdateRotationPolicy(argument: _rekey_v1_UpdateRotationPolicyRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_RotationPolicy__Output>): grpc.ClientUnaryCall;
  UpdateRotationPolicy(argument: _rekey_v1_UpdateRotationPolicyRequest, callback: grpc.requestCallback<_rekey_v1_RotationPolicy__Output>): grpc.ClientUnaryCall;
  updateRotationPolicy(argument: _rekey_v1_UpdateRotationPolicyRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_RotationPolicy__Output>): grpc.ClientUnaryCall;
  updateRotationPolicy(argument: _rekey_v1_UpdateRotationPolicyRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_rekey_v1_RotationPolicy__Output>): grpc.ClientUnaryCall;
  updateRotationPolicy(argument: _rekey_v1_UpdateRotationPolicyRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_RotationPolicy__Output>): grpc.ClientUnaryCall;
  updateRotationPolicy(argument: _rekey_v1_UpdateRotationPolicyRequest, callback: grpc.requestCallback<_rekey_v1_RotationPolicy__Output>): grpc.ClientUnaryCall;
  
}

export interface RotationPolicyServiceHandlers extends grpc.UntypedServiceImplementation {
  CreateRotationPolicy: grpc.handleClientStreamingCall<_rekey_v1_CreateRotationPolicyRequest__Output, _rekey_v1_RotationPolicy>;
  
  DeleteRotationPolicy: grpc.handleUnaryCall<_rekey_v1_DeleteRotationPolicyRequest__Output, _rekey_v1_DeleteRotationPolicyResponse>;
  
  GetRotationPolicy: grpc.handleUnaryCall<_rekey_v1_GetRotationPolicyRequest__Output, _rekey_v1_RotationPolicy>;
  
  ListRotationPolicies: grpc.handleUnaryCall<_rekey_v1_ListRotationPoliciesRequest__Output, _rekey_v1_ListRotationPoliciesResponse>;
  
  PauseRotationPolicy: grpc.handleUnaryCall<_rekey_v1_PauseRotationPolicyRequest__Output, _rekey_v1_RotationPolicy>;
  
  ResumeRotationPolicy: grpc.handleUnaryCall<_rekey_v1_ResumeRotationPolicyRequest__Output, _rekey_v1_RotationPolicy>;
  
  UpdateRotationPolicy: grpc.handleUnaryCall<_rekey_v1_UpdateRotationPolicyRequest__Output, _rekey_v1_RotationPolicy>;
  
}

export interface RotationPolicyServiceDefinition extends grpc.ServiceDefinition {
  CreateRotationPolicy: MethodDefinition<_rekey_v1_CreateRotationPolicyRequest, _rekey_v1_RotationPolicy, _rekey_v1_CreateRotationPolicyRequest__Output, _rekey_v1_RotationPolicy__Output>
  DeleteRotationPolicy: MethodDefinition<_rekey_v1_DeleteRotationPolicyRequest, _rekey_v1_DeleteRotationPolicyResponse, _rekey_v1_DeleteRotationPolicyRequest__Output, _rekey_v1_DeleteRotationPolicyResponse__Output>
  GetRotationPolicy: MethodDefinition<_rekey_v1_GetRotationPolicyRequest, _rekey_v1_RotationPolicy, _rekey_v1_GetRotationPolicyRequest__Output, _rekey_v1_RotationPolicy__Output>
  ListRotationPolicies: MethodDefinition<_rekey_v1_ListRotationPoliciesRequest, _rekey_v1_ListRotationPoliciesResponse, _rekey_v1_ListRotationPoliciesRequest__Output, _rekey_v1_ListRotationPoliciesResponse__Output>
  PauseRotationPolicy: MethodDefinition<_rekey_v1_PauseRotationPolicyRequest, _rekey_v1_RotationPolicy, _rekey_v1_PauseRotationPolicyRequest__Output, _rekey_v1_RotationPolicy__Output>
  ResumeRotationPolicy: MethodDefinition<_rekey_v1_ResumeRotationPolicyRequest, _rekey_v1_RotationPolicy, _rekey_v1_ResumeRotationPolicyRequest__Output, _rekey_v1_RotationPolicy__Output>
  UpdateRotationPolicy: MethodDefinition<_rekey_v1_UpdateRotationPolicyRequest, _rekey_v1_RotationPolicy, _rekey_v1_UpdateRotationPolicyRequest__Output, _rekey_v1_RotationPolicy__Output>
}
