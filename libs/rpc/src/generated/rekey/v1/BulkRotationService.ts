// Original file: ../../proto/rekey/v1/bulk.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { BulkRotation as _rekey_v1_BulkRotation, BulkRotation__Output as _rekey_v1_BulkRotation__Output } from '../../rekey/v1/BulkRotation.ts';
import type { CancelBulkRotationRequest as _rekey_v1_CancelBulkRotationRequest, CancelBulkRotationRequest__Output as _rekey_v1_CancelBulkRotationRequest__Output } from '../../rekey/v1/CancelBulkRotationRequest.ts';
import type { CreateBulkRotationRequest as _rekey_v1_CreateBulkRotationRequest, CreateBulkRotationRequest__Output as _rekey_v1_CreateBulkRotationRequest__Output } from '../../rekey/v1/CreateBulkRotationRequest.ts';
import type { GetBulkRotationRequest as _rekey_v1_GetBulkRotationRequest, GetBulkRotationRequest__Output as _rekey_v1_GetBulkRotationRequest__Output } from '../../rekey/v1/GetBulkRotationRequest.ts';
import type { ListBulkRotationItemsRequest as _rekey_v1_ListBulkRotationItemsRequest, ListBulkRotationItemsRequest__Output as _rekey_v1_ListBulkRotationItemsRequest__Output } from '../../rekey/v1/ListBulkRotationItemsRequest.ts';
import type { ListBulkRotationItemsResponse as _rekey_v1_ListBulkRotationItemsResponse, ListBulkRotationItemsResponse__Output as _rekey_v1_ListBulkRotationItemsResponse__Output } from '../../rekey/v1/ListBulkRotationItemsResponse.ts';
import type { ListBulkRotationsRequest as _rekey_v1_ListBulkRotationsRequest, ListBulkRotationsRequest__Output as _rekey_v1_ListBulkRotationsRequest__Output } from '../../rekey/v1/ListBulkRotationsRequest.ts';
import type { ListBulkRotationsResponse as _rekey_v1_ListBulkRotationsResponse, ListBulkRotationsResponse__Output as _rekey_v1_ListBulkRotationsResponse__Output } from '../../rekey/v1/ListBulkRotationsResponse.ts';
import type { PauseBulkRotationRequest as _rekey_v1_PauseBulkRotationRequest, PauseBulkRotationRequest__Output as _rekey_v1_PauseBulkRotationRequest__Output } from '../../rekey/v1/PauseBulkRotationRequest.ts';
import type { ResumeBulkRotationRequest as _rekey_v1_ResumeBulkRotationRequest, ResumeBulkRotationRequest__Output as _rekey_v1_ResumeBulkRotationRequest__Output } from '../../rekey/v1/ResumeBulkRotationRequest.ts';
import type { RetryBulkRotationRequest as _rekey_v1_RetryBulkRotationRequest, RetryBulkRotationRequest__Output as _rekey_v1_RetryBulkRotationRequest__Output } from '../../rekey/v1/RetryBulkRotationRequest.ts';
import type { WatchBulkRotationRequest as _rekey_v1_WatchBulkRotationRequest, WatchBulkRotationRequest__Output as _rekey_v1_WatchBulkRotationRequest__Output } from '../../rekey/v1/WatchBulkRotationRequest.ts';

export interface BulkRotationServiceClient extends grpc.Client {
  CancelBulkRotation(argument: _rekey_v1_CancelBulkRotationRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_BulkRotation__Output>): grpc.ClientUnaryCall;
  CancelBulkRotation(argument: _rekey_v1_CancelBulkRotationRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_rekey_v1_BulkRotation__Output>): grpc.ClientUnaryCall;
  CancelBulkRotation(argument: _rekey_v1_CancelBulkRotationRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_BulkRotation__Output>): grpc.ClientUnaryCall;
  CancelBulkRotation(argument: _rekey_v1_CancelBulkRotationRequest, callback: grpc.requestCallback<_rekey_v1_BulkRotation__Output>): grpc.ClientUnaryCall;
  cancelBulkRotation(argument: _rekey_v1_CancelBulkRotationRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_BulkRotation__Output>): grpc.ClientUnaryCall;
  cancelBulkRotation(argument: _rekey_v1_CancelBulkRotationRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_rekey_v1_BulkRotation__Output>): grpc.ClientUnaryCall;
  cancelBulkRotation(argument: _rekey_v1_CancelBulkRotationRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_BulkRotation__Output>): grpc.ClientUnaryCall;
  cancelBulkRotation(argument: _rekey_v1_CancelBulkRotationRequest, callback: grpc.requestCallback<_rekey_v1_BulkRotation__Output>): grpc.ClientUnaryCall;
  
  CreateBulkRotation(metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_BulkRotation__Output>): grpc.ClientWritableStream<_rekey_v1_CreateBulkRotationRequest>;
  CreateBulkRotation(metadata: grpc.Metadata, callback: grpc.requestCallback<_rekey_v1_BulkRotation__Output>): grpc.ClientWritableStream<_rekey_v1_CreateBulkRotationRequest>;
  CreateBulkRotation(options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_BulkRotation__Output>): grpc.ClientWritableStream<_rekey_v1_CreateBulkRotationRequest>;
  CreateBulkRotation(callback: grpc.requestCallback<_rekey_v1_BulkRotation__Output>): grpc.ClientWritableStream<_rekey_v1_CreateBulkRotationRequest>;
  createBulkRotation(metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_BulkRotation__Output>): grpc.ClientWritableStream<_rekey_v1_CreateBulkRotationRequest>;
  createBulkRotation(metadata: grpc.Metadata, callback: grpc.requestCallback<_rekey_v1_BulkRotation__Output>): grpc.ClientWritableStream<_rekey_v1_CreateBulkRotationRequest>;
  createBulkRotation(options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_BulkRotation__Output>): grpc.ClientWritableStream<_rekey_v1_CreateBulkRotationRequest>;
  createBulkRotation(callback: grpc.requestCallback<_rekey_v1_BulkRotation__Output>): grpc.ClientWritableStream<_rekey_v1_CreateBulkRotationRequest>;
  
  GetBulkRotation(argument: _rekey_v1_GetBulkRotationRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_BulkRotation__Output>): grpc.ClientUnaryCall;
  GetBulkRotation(argument: _rekey_v1_GetBulkRotationRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_rekey_v1_BulkRotation__Output>): grpc.ClientUnaryCall;
  GetBulkRotation(argument: _rekey_v1_GetBulkRotationRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_BulkRotation__Output>): grpc.ClientUnaryCall;
  GetBulkRotation(argument: _rekey_v1_GetBulkRotationRequest, callback: grpc.requestCallback<_rekey_v1_BulkRotation__Output>): grpc.ClientUnaryCall;
  getBulkRotation(argument: _rekey_v1_GetBulkRotationRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_BulkRotation__Output>): grpc.ClientUnaryCall;
  getBulkRotation(argument: _rekey_v1_GetBulkRotationRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_rekey_v1_BulkRotation__Output>): grpc.ClientUnaryCall;
  getBulkRotation(argument: _rekey_v1_GetBulkRotationRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_BulkRotation__Output>): grpc.ClientUnaryCall;
  getBulkRotation(argument: _rekey_v1_GetBulkRotationRequest, callback: grpc.requestCallback<_rekey_v1_BulkRotation__Output>): grpc.ClientUnaryCall;
  
  ListBulkRotationItems(argument: _rekey_v1_ListBulkRotationItemsRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_ListBulkRotationItemsResponse__Output>): grpc.ClientUnaryCall;
  ListBulkRotationItems(argument: _rekey_v1_ListBulkRotationItemsRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_rekey_v1_ListBulkRotationItemsResponse__Output>): grpc.ClientUnaryCall;
  ListBulkRotationItems(argument: _rekey_v1_ListBulkRotationItemsRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_ListBulkRotationItemsResponse__Output>): grpc.ClientUnaryCall;
  ListBulkRotationItems(argument: _rekey_v1_ListBulkRotationItemsRequest, callback: grpc.requestCallback<_rekey_v1_ListBulkRotationItemsResponse__Output>): grpc.ClientUnaryCall;
  listBulkRotationItems(argument: _rekey_v1_ListBulkRotationItemsRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_ListBulkRotationItemsResponse__Output>): grpc.ClientUnaryCall;
  listBulkRotationItems(argument: _rekey_v1_ListBulkRotationItemsRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_rekey_v1_ListBulkRotationItemsResponse__Output>): grpc.ClientUnaryCall;
  listBulkRotationItems(argument: _rekey_v1_ListBulkRotationItemsRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_ListBulkRotationItemsResponse__Output>): grpc.ClientUnaryCall;
  listBulkRotationItems(argument: _rekey_v1_ListBulkRotationItemsRequest, callback: grpc.requestCallback<_rekey_v1_ListBulkRotationItemsResponse__Output>): grpc.ClientUnaryCall;
  
  ListBulkRotations(argument: _rekey_v1_ListBulkRotationsRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_ListBulkRotationsResponse__Output>): grpc.ClientUnaryCall;
  ListBulkRotations(argument: _rekey_v1_ListBulkRotationsRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_rekey_v1_ListBulkRotationsResponse__Output>): grpc.ClientUnaryCall;
  ListBulkRotations(argument: _rekey_v1_ListBulkRotationsRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_ListBulkRotationsResponse__Output>): grpc.ClientUnaryCall;
  ListBulkRotations(argument: _rekey_v1_ListBulkRotationsRequest, callback: grpc.requestCallback<_rekey_v1_ListBulkRotationsResponse__Output>): grpc.ClientUnaryCall;
  listBulkRotations(argument: _rekey_v1_ListBulkRotationsRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_ListBulkRotationsResponse__Output>): grpc.ClientUnaryCall;
  listBulkRotations(argument: _rekey_v1_ListBulkRotationsRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_rekey_v1_ListBulkRotationsResponse__Output>): grpc.ClientUnaryCall;
  listBulkRotations(argument: _rekey_v1_ListBulkRotationsRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_ListBulkRotationsResponse__Output>): grpc.ClientUnaryCall;
  listBulkRotations(argument: _rekey_v1_ListBulkRotationsRequest, callback: grpc.requestCallback<_rekey_v1_ListBulkRotationsResponse__Output>): grpc.ClientUnaryCall;
  
  PauseBulkRotation(argument: _rekey_v1_PauseBulkRotationRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_BulkRotation__Output>): grpc.ClientUnaryCall;
  PauseBulkRotation(argument: _rekey_v1_PauseBulkRotationRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_rekey_v1_BulkRotation__Output>): grpc.ClientUnaryCall;
  PauseBulkRotation(argument: _rekey_v1_PauseBulkRotationRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_BulkRotation__Output>): grpc.ClientUnaryCall;
  PauseBulkRotation(argument: _rekey_v1_PauseBulkRotationRequest, callback: grpc.requestCallback<_rekey_v1_BulkRotation__Output>): grpc.ClientUnaryCall;
  pauseBulkRotation(argument: _rekey_v1_PauseBulkRotationRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_BulkRotation__Output>): grpc.ClientUnaryCall;
  pauseBulkRotation(argument: _rekey_v1_PauseBulkRotationRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_rekey_v1_BulkRotation__Output>): grpc.ClientUnaryCall;
  pauseBulkRotation(argument: _rekey_v1_PauseBulkRotationRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_BulkRotation__Output>): grpc.ClientUnaryCall;
  pauseBulkRotation(argument: _rekey_v1_PauseBulkRotationRequest, callback: grpc.requestCallback<_rekey_v1_BulkRotation__Output>): grpc.ClientUnaryCall;
  
  ResumeBulkRotation(argument: _rekey_v1_ResumeBulkRotationRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_BulkRotation__Output>): grpc.ClientUnaryCall;
  ResumeBulkRotation(argument: _rekey_v1_ResumeBulkRotationRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_rekey_v1_BulkRotation__Output>): grpc.ClientUnaryCall;
  ResumeBulkRotation(argument: _rekey_v1_ResumeBulkRotationRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_BulkRotation__Output>): grpc.ClientUnaryCall;
  ResumeBulkRotation(argument: _rekey_v1_ResumeBulkRotationRequest, callback: grpc.requestCallback<_rekey_v1_BulkRotation__Output>): grpc.ClientUnaryCall;
  resumeBulkRotation(argument: _rekey_v1_ResumeBulkRotationRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_BulkRotation__Output>): grpc.ClientUnaryCall;
  resumeBulkRotation(argument: _rekey_v1_ResumeBulkRotationRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_rekey_v1_BulkRotation__Output>): grpc.ClientUnaryCall;
  resumeBulkRotation(argument: _rekey_v1_ResumeBulkRotationRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_BulkRotation__Output>): grpc.ClientUnaryCall;
  resumeBulkRotation(argument: _rekey_v1_ResumeBulkRotationRequest, callback: grpc.requestCallback<_rekey_v1_BulkRotation__Output>): grpc.ClientUnaryCall;
  
  RetryBulkRotation(argument: _rekey_v1_RetryBulkRotationRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_BulkRotation__Output>): grpc.ClientUnaryCall;
  RetryBulkRotation(argument: _rekey_v1_RetryBulkRotationRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_rekey_v1_BulkRotation__Output>): grpc.ClientUnaryCall;
  RetryBulkRotation(argument: _rekey_v1_RetryBulkRotationRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_BulkRotation__Output>): grpc.ClientUnaryCall;
  RetryBulkRotation(argument: _rekey_v1_RetryBulkRotationRequest, callback: grpc.requestCallback<_rekey_v1_BulkRotation__Output>): grpc.ClientUnaryCall;
  retryBulkRotation(argument: _rekey_v1_RetryBulkRotationRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_BulkRotation__Output>): grpc.ClientUnaryCall;
  retryBulkRotation(argument: _rekey_v1_RetryBulkRotationRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_rekey_v1_BulkRotation__Output>): grpc.ClientUnaryCall;
  retryBulkRotation(argument: _rekey_v1_RetryBulkRotationRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_BulkRotation__Output>): grpc.ClientUnaryCall;
  retryBulkRotation(argument: _rekey_v1_RetryBulkRotationRequest, callback: grpc.requestCallback<_rekey_v1_BulkRotation__Output>): grpc.ClientUnaryCall;
  
  WatchBulkRotation(argument: _rekey_v1_WatchBulkRotationRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_rekey_v1_BulkRotation__Output>;
  WatchBulkRotation(argument: _rekey_v1_WatchBulkRotationRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_rekey_v1_BulkRotation__Output>;
  watchBulkRotation(argument: _rekey_v1_WatchBulkRotationRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_rekey_v1_BulkRotation__Output>;
  watchBulkRotation(argument: _rekey_v1_WatchBulkRotationRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_rekey_v1_BulkRotation__Output>;
  
}

export interface BulkRotationServiceHandlers extends grpc.UntypedServiceImplementation {
  CancelBulkRotation: grpc.handleUnaryCall<_rekey_v1_CancelBulkRotationRequest__Output, _rekey_v1_BulkRotation>;
  
  CreateBulkRotation: grpc.handleClientStreamingCall<_rekey_v1_CreateBulkRotationRequest__Output, _rekey_v1_BulkRotation>;
  
  GetBulkRotation: grpc.handleUnaryCall<_rekey_v1_GetBulkRotationRequest__Output, _rekey_v1_BulkRotation>;
  
  ListBulkRotationItems: grpc.handleUnaryCall<_rekey_v1_ListBulkRotationItemsRequest__Output, _rekey_v1_ListBulkRotationItemsResponse>;
  
  ListBulkRotations: grpc.handleUnaryCall<_rekey_v1_ListBulkRotationsRequest__Output, _rekey_v1_ListBulkRotationsResponse>;
  
  PauseBulkRotation: grpc.handleUnaryCall<_rekey_v1_PauseBulkRotationRequest__Output, _rekey_v1_BulkRotation>;
  
  ResumeBulkRotation: grpc.handleUnaryCall<_rekey_v1_ResumeBulkRotationRequest__Output, _rekey_v1_BulkRotation>;
  
  RetryBulkRotation: grpc.handleUnaryCall<_rekey_v1_RetryBulkRotationRequest__Output, _rekey_v1_BulkRotation>;
  
  WatchBulkRotation: grpc.handleServerStreamingCall<_rekey_v1_WatchBulkRotationRequest__Output, _rekey_v1_BulkRotation>;
  
}

export interface BulkRotationServiceDefinition extends grpc.ServiceDefinition {
  CancelBulkRotation: MethodDefinition<_rekey_v1_CancelBulkRotationRequest, _rekey_v1_BulkRotation, _rekey_v1_CancelBulkRotationRequest__Output, _rekey_v1_BulkRotation__Output>
  CreateBulkRotation: MethodDefinition<_rekey_v1_CreateBulkRotationRequest, _rekey_v1_BulkRotation, _rekey_v1_CreateBulkRotationRequest__Output, _rekey_v1_BulkRotation__Output>
  GetBulkRotation: MethodDefinition<_rekey_v1_GetBulkRotationRequest, _rekey_v1_BulkRotation, _rekey_v1_GetBulkRotationRequest__Output, _rekey_v1_BulkRotation__Output>
  ListBulkRotationItems: MethodDefinition<_rekey_v1_ListBulkRotationItemsRequest, _rekey_v1_ListBulkRotationItemsResponse, _rekey_v1_ListBulkRotationItemsRequest__Output, _rekey_v1_ListBulkRotationItemsResponse__Output>
  ListBulkRotations: MethodDefinition<_rekey_v1_ListBulkRotationsRequest, _rekey_v1_ListBulkRotationsResponse, _rekey_v1_ListBulkRotationsRequest__Output, _rekey_v1_ListBulkRotationsResponse__Output>
  PauseBulkRotation: MethodDefinition<_rekey_v1_PauseBulkRotationRequest, _rekey_v1_BulkRotation, _rekey_v1_PauseBulkRotationRequest__Output, _rekey_v1_BulkRotation__Output>
  ResumeBulkRotation: MethodDefinition<_rekey_v1_ResumeBulkRotationRequest, _rekey_v1_BulkRotation, _rekey_v1_ResumeBulkRotationRequest__Output, _rekey_v1_BulkRotation__Output>
  RetryBulkRotation: MethodDefinition<_rekey_v1_RetryBulkRotationRequest, _rekey_v1_BulkRotation, _rekey_v1_RetryBulkRotationRequest__Output, _rekey_v1_BulkRotation__Output>
  WatchBulkRotation: MethodDefinition<_rekey_v1_WatchBulkRotationRequest, _rekey_v1_BulkRotation, _rekey_v1_WatchBulkRotationRequest__Output, _rekey_v1_BulkRotation__Output>
}
