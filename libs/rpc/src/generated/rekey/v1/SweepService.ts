// Original file: ../../proto/rekey/v1/sweep.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { CreateSweepRequest as _rekey_v1_CreateSweepRequest, CreateSweepRequest__Output as _rekey_v1_CreateSweepRequest__Output } from '../../rekey/v1/CreateSweepRequest.ts';
import type { GetSweepRequest as _rekey_v1_GetSweepRequest, GetSweepRequest__Output as _rekey_v1_GetSweepRequest__Output } from '../../rekey/v1/GetSweepRequest.ts';
import type { ListSweepsRequest as _rekey_v1_ListSweepsRequest, ListSweepsRequest__Output as _rekey_v1_ListSweepsRequest__Output } from '../../rekey/v1/ListSweepsRequest.ts';
import type { ListSweepsResponse as _rekey_v1_ListSweepsResponse, ListSweepsResponse__Output as _rekey_v1_ListSweepsResponse__Output } from '../../rekey/v1/ListSweepsResponse.ts';
import type { Sweep as _rekey_v1_Sweep, Sweep__Output as _rekey_v1_Sweep__Output } from '../../rekey/v1/Sweep.ts';

export interface SweepServiceClient extends grpc.Client {
  CreateSweep(argument: _rekey_v1_CreateSweepRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_Sweep__Output>): grpc.ClientUnaryCall;
  CreateSweep(argument: _rekey_v1_CreateSweepRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_rekey_v1_Sweep__Output>): grpc.ClientUnaryCall;
  CreateSweep(argument: _rekey_v1_CreateSweepRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_Sweep__Output>): grpc.ClientUnaryCall;
  CreateSweep(argument: _rekey_v1_CreateSweepRequest, callback: grpc.requestCallback<_rekey_v1_Sweep__Output>): grpc.ClientUnaryCall;
  createSweep(argument: _rekey_v1_CreateSweepRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_Sweep__Output>): grpc.ClientUnaryCall;
  createSweep(argument: _rekey_v1_CreateSweepRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_rekey_v1_Sweep__Output>): grpc.ClientUnaryCall;
  createSweep(argument: _rekey_v1_CreateSweepRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_Sweep__Output>): grpc.ClientUnaryCall;
  createSweep(argument: _rekey_v1_CreateSweepRequest, callback: grpc.requestCallback<_rekey_v1_Sweep__Output>): grpc.ClientUnaryCall;
  
  GetSweep(argument: _rekey_v1_GetSweepRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_Sweep__Output>): grpc.ClientUnaryCall;
  GetSweep(argument: _rekey_v1_GetSweepRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_rekey_v1_Sweep__Output>): grpc.ClientUnaryCall;
  GetSweep(argument: _rekey_v1_GetSweepRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_Sweep__Output>): grpc.ClientUnaryCall;
  GetSweep(argument: _rekey_v1_GetSweepRequest, callback: grpc.requestCallback<_rekey_v1_Sweep__Output>): grpc.ClientUnaryCall;
  getSweep(argument: _rekey_v1_GetSweepRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_Sweep__Output>): grpc.ClientUnaryCall;
  getSweep(argument: _rekey_v1_GetSweepRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_rekey_v1_Sweep__Output>): grpc.ClientUnaryCall;
  getSweep(argument: _rekey_v1_GetSweepRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_Sweep__Output>): grpc.ClientUnaryCall;
  getSweep(argument: _rekey_v1_GetSweepRequest, callback: grpc.requestCallback<_rekey_v1_Sweep__Output>): grpc.ClientUnaryCall;
  
  ListSweeps(argument: _rekey_v1_ListSweepsRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_ListSweepsResponse__Output>): grpc.ClientUnaryCall;
  ListSweeps(argument: _rekey_v1_ListSweepsRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_rekey_v1_ListSweepsResponse__Output>): grpc.ClientUnaryCall;
  ListSweeps(argument: _rekey_v1_ListSweepsRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_ListSweepsResponse__Output>): grpc.ClientUnaryCall;
  ListSweeps(argument: _rekey_v1_ListSweepsRequest, callback: grpc.requestCallback<_rekey_v1_ListSweepsResponse__Output>): grpc.ClientUnaryCall;
  listSweeps(argument: _rekey_v1_ListSweepsRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_ListSweepsResponse__Output>): grpc.ClientUnaryCall;
  listSweeps(argument: _rekey_v1_ListSweepsRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_rekey_v1_ListSweepsResponse__Output>): grpc.ClientUnaryCall;
  listSweeps(argument: _rekey_v1_ListSweepsRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_ListSweepsResponse__Output>): grpc.ClientUnaryCall;
  listSweeps(argument: _rekey_v1_ListSweepsRequest, callback: grpc.requestCallback<_rekey_v1_ListSweepsResponse__Output>): grpc.ClientUnaryCall;
  
}

export interface SweepServiceHandlers extends grpc.UntypedServiceImplementation {
  CreateSweep: grpc.handleUnaryCall<_rekey_v1_CreateSweepRequest__Output, _rekey_v1_Sweep>;
  
  GetSweep: grpc.handleUnaryCall<_rekey_v1_GetSweepRequest__Output, _rekey_v1_Sweep>;
  
  ListSweeps: grpc.handleUnaryCall<_rekey_v1_ListSweepsRequest__Output, _rekey_v1_ListSweepsResponse>;
  
}

export interface SweepServiceDefinition extends grpc.ServiceDefinition {
  CreateSweep: MethodDefinition<_rekey_v1_CreateSweepRequest, _rekey_v1_Sweep, _rekey_v1_CreateSweepRequest__Output, _rekey_v1_Sweep__Output>
  GetSweep: MethodDefinition<_rekey_v1_GetSweepRequest, _rekey_v1_Sweep, _rekey_v1_GetSweepRequest__Output, _rekey_v1_Sweep__Output>
  ListSweeps: MethodDefinition<_rekey_v1_ListSweepsRequest, _rekey_v1_ListSweepsResponse, _rekey_v1_ListSweepsRequest__Output, _rekey_v1_ListSweepsResponse__Output>
}
