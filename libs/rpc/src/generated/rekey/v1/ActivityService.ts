// Original file: ../../proto/rekey/v1/activity.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { ListActivityRequest as _rekey_v1_ListActivityRequest, ListActivityRequest__Output as _rekey_v1_ListActivityRequest__Output } from '../../rekey/v1/ListActivityRequest.ts';
import type { ListActivityResponse as _rekey_v1_ListActivityResponse, ListActivityResponse__Output as _rekey_v1_ListActivityResponse__Output } from '../../rekey/v1/ListActivityResponse.ts';
import type { WatchActivityRequest as _rekey_v1_WatchActivityRequest, WatchActivityRequest__Output as _rekey_v1_WatchActivityRequest__Output } from '../../rekey/v1/WatchActivityRequest.ts';
import type { WatchActivityResponse as _rekey_v1_WatchActivityResponse, WatchActivityResponse__Output as _rekey_v1_WatchActivityResponse__Output } from '../../rekey/v1/WatchActivityResponse.ts';

export interface ActivityServiceClient extends grpc.Client {
  ListActivity(argument: _rekey_v1_ListActivityRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_ListActivityResponse__Output>): grpc.ClientUnaryCall;
  ListActivity(argument: _rekey_v1_ListActivityRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_rekey_v1_ListActivityResponse__Output>): grpc.ClientUnaryCall;
  ListActivity(argument: _rekey_v1_ListActivityRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_ListActivityResponse__Output>): grpc.ClientUnaryCall;
  ListActivity(argument: _rekey_v1_ListActivityRequest, callback: grpc.requestCallback<_rekey_v1_ListActivityResponse__Output>): grpc.ClientUnaryCall;
  listActivity(argument: _rekey_v1_ListActivityRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_ListActivityResponse__Output>): grpc.ClientUnaryCall;
  listActivity(argument: _rekey_v1_ListActivityRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_rekey_v1_ListActivityResponse__Output>): grpc.ClientUnaryCall;
  listActivity(argument: _rekey_v1_ListActivityRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_ListActivityResponse__Output>): grpc.ClientUnaryCall;
  listActivity(argument: _rekey_v1_ListActivityRequest, callback: grpc.requestCallback<_rekey_v1_ListActivityResponse__Output>): grpc.ClientUnaryCall;
  
  WatchActivity(argument: _rekey_v1_WatchActivityRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_rekey_v1_WatchActivityResponse__Output>;
  WatchActivity(argument: _rekey_v1_WatchActivityRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_rekey_v1_WatchActivityResponse__Output>;
  watchActivity(argument: _rekey_v1_WatchActivityRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_rekey_v1_WatchActivityResponse__Output>;
  watchActivity(argument: _rekey_v1_WatchActivityRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_rekey_v1_WatchActivityResponse__Output>;
  
}

export interface ActivityServiceHandlers extends grpc.UntypedServiceImplementation {
  ListActivity: grpc.handleUnaryCall<_rekey_v1_ListActivityRequest__Output, _rekey_v1_ListActivityResponse>;
  
  WatchActivity: grpc.handleServerStreamingCall<_rekey_v1_WatchActivityRequest__Output, _rekey_v1_WatchActivityResponse>;
  
}

export interface ActivityServiceDefinition extends grpc.ServiceDefinition {
  ListActivity: MethodDefinition<_rekey_v1_ListActivityRequest, _rekey_v1_ListActivityResponse, _rekey_v1_ListActivityRequest__Output, _rekey_v1_ListActivityResponse__Output>
  WatchActivity: MethodDefinition<_rekey_v1_WatchActivityRequest, _rekey_v1_WatchActivityResponse, _rekey_v1_WatchActivityRequest__Output, _rekey_v1_WatchActivityResponse__Output>
}
