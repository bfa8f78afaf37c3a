// Original file: ../../proto/rekey/v1/system.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { FreezeRequest as _rekey_v1_FreezeRequest, FreezeRequest__Output as _rekey_v1_FreezeRequest__Output } from '../../rekey/v1/FreezeRequest.ts';
import type { GetStatusRequest as _rekey_v1_GetStatusRequest, GetStatusRequest__Output as _rekey_v1_GetStatusRequest__Output } from '../../rekey/v1/GetStatusRequest.ts';
import type { Status as _rekey_v1_Status, Status__Output as _rekey_v1_Status__Output } from '../../rekey/v1/Status.ts';
import type { UnfreezeRequest as _rekey_v1_UnfreezeRequest, UnfreezeRequest__Output as _rekey_v1_UnfreezeRequest__Output } from '../../rekey/v1/UnfreezeRequest.ts';

export interface SystemServiceClient extends grpc.Client {
  Freeze(argument: _rekey_v1_FreezeRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_Status__Output>): grpc.ClientUnaryCall;
  Freeze(argument: _rekey_v1_FreezeRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_rekey_v1_Status__Output>): grpc.ClientUnaryCall;
  Freeze(argument: _rekey_v1_FreezeRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_Status__Output>): grpc.ClientUnaryCall;
  Freeze(argument: _rekey_v1_FreezeRequest, callback: grpc.requestCallback<_rekey_v1_Status__Output>): grpc.ClientUnaryCall;
  freeze(argument: _rekey_v1_FreezeRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_Status__Output>): grpc.ClientUnaryCall;
  freeze(argument: _rekey_v1_FreezeRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_rekey_v1_Status__Output>): grpc.ClientUnaryCall;
  freeze(argument: _rekey_v1_FreezeRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_Status__Output>): grpc.ClientUnaryCall;
  freeze(argument: _rekey_v1_FreezeRequest, callback: grpc.requestCallback<_rekey_v1_Status__Output>): grpc.ClientUnaryCall;
  
  GetStatus(argument: _rekey_v1_GetStatusRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_Status__Output>): grpc.ClientUnaryCall;
  GetStatus(argument: _rekey_v1_GetStatusRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_rekey_v1_Status__Output>): grpc.ClientUnaryCall;
  GetStatus(argument: _rekey_v1_GetStatusRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_Status__Output>): grpc.ClientUnaryCall;
  GetStatus(argument: _rekey_v1_GetStatusRequest, callback: grpc.requestCallback<_rekey_v1_Status__Output>): grpc.ClientUnaryCall;
  getStatus(argument: _rekey_v1_GetStatusRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_Status__Output>): grpc.ClientUnaryCall;
  getStatus(argument: _rekey_v1_GetStatusRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_rekey_v1_Status__Output>): grpc.ClientUnaryCall;
  getStatus(argument: _rekey_v1_GetStatusRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_Status__Output>): grpc.ClientUnaryCall;
  getStatus(argument: _rekey_v1_GetStatusRequest, callback: grpc.requestCallback<_rekey_v1_Status__Output>): grpc.ClientUnaryCall;
  
  Unfreeze(argument: _rekey_v1_UnfreezeRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_Status__Output>): grpc.ClientUnaryCall;
  Unfreeze(argument: _rekey_v1_UnfreezeRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_rekey_v1_Status__Output>): grpc.ClientUnaryCall;
  Unfreeze(argument: _rekey_v1_UnfreezeRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_Status__Output>): grpc.ClientUnaryCall;
  Unfreeze(argument: _rekey_v1_UnfreezeRequest, callback: grpc.requestCallback<_rekey_v1_Status__Output>): grpc.ClientUnaryCall;
  unfreeze(argument: _rekey_v1_UnfreezeRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_Status__Output>): grpc.ClientUnaryCall;
  unfreeze(argument: _rekey_v1_UnfreezeRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_rekey_v1_Status__Output>): grpc.ClientUnaryCall;
  unfreeze(argument: _rekey_v1_UnfreezeRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_Status__Output>): grpc.ClientUnaryCall;
  unfreeze(argument: _rekey_v1_UnfreezeRequest, callback: grpc.requestCallback<_rekey_v1_Status__Output>): grpc.ClientUnaryCall;
  
}

export interface SystemServiceHandlers extends grpc.UntypedServiceImplementation {
  Freeze: grpc.handleUnaryCall<_rekey_v1_FreezeRequest__Output, _rekey_v1_Status>;
  
  GetStatus: grpc.handleUnaryCall<_rekey_v1_GetStatusRequest__Output, _rekey_v1_Status>;
  
  Unfreeze: grpc.handleUnaryCall<_rekey_v1_UnfreezeRequest__Output, _rekey_v1_Status>;
  
}

export interface SystemServiceDefinition extends grpc.ServiceDefinition {
  Freeze: MethodDefinition<_rekey_v1_FreezeRequest, _rekey_v1_Status, _rekey_v1_FreezeRequest__Output, _rekey_v1_Status__Output>
  GetStatus: MethodDefinition<_rekey_v1_GetStatusRequest, _rekey_v1_Status, _rekey_v1_GetStatusRequest__Output, _rekey_v1_Status__Output>
  Unfreeze: MethodDefinition<_rekey_v1_UnfreezeRequest, _rekey_v1_Status, _rekey_v1_UnfreezeRequest__Output, _rekey_v1_Status__Output>
}
