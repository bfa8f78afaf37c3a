// Original file: ../../proto/rekey/v1/event.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { AcknowledgeRequest as _rekey_v1_AcknowledgeRequest, AcknowledgeRequest__Output as _rekey_v1_AcknowledgeRequest__Output } from '../../rekey/v1/AcknowledgeRequest.ts';
import type { AcknowledgeResponse as _rekey_v1_AcknowledgeResponse, AcknowledgeResponse__Output as _rekey_v1_AcknowledgeResponse__Output } from '../../rekey/v1/AcknowledgeResponse.ts';
import type { GetEventsStateRequest as _rekey_v1_GetEventsStateRequest, GetEventsStateRequest__Output as _rekey_v1_GetEventsStateRequest__Output } from '../../rekey/v1/GetEventsStateRequest.ts';
import type { GetEventsStateResponse as _rekey_v1_GetEventsStateResponse, GetEventsStateResponse__Output as _rekey_v1_GetEventsStateResponse__Output } from '../../rekey/v1/GetEventsStateResponse.ts';
import type { GetRecordsRequest as _rekey_v1_GetRecordsRequest, GetRecordsRequest__Output as _rekey_v1_GetRecordsRequest__Output } from '../../rekey/v1/GetRecordsRequest.ts';
import type { GetRecordsResponse as _rekey_v1_GetRecordsResponse, GetRecordsResponse__Output as _rekey_v1_GetRecordsResponse__Output } from '../../rekey/v1/GetRecordsResponse.ts';
import type { GetSnapshotRequest as _rekey_v1_GetSnapshotRequest, GetSnapshotRequest__Output as _rekey_v1_GetSnapshotRequest__Output } from '../../rekey/v1/GetSnapshotRequest.ts';
import type { GetSnapshotResponse as _rekey_v1_GetSnapshotResponse, GetSnapshotResponse__Output as _rekey_v1_GetSnapshotResponse__Output } from '../../rekey/v1/GetSnapshotResponse.ts';
import type { WatchEventsRequest as _rekey_v1_WatchEventsRequest, WatchEventsRequest__Output as _rekey_v1_WatchEventsRequest__Output } from '../../rekey/v1/WatchEventsRequest.ts';
import type { WatchEventsResponse as _rekey_v1_WatchEventsResponse, WatchEventsResponse__Output as _rekey_v1_WatchEventsResponse__Output } from '../../rekey/v1/WatchEventsResponse.ts';

export interface EventServiceClient extends grpc.Client {
  Acknowledge(argument: _rekey_v1_AcknowledgeRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_AcknowledgeResponse__Output>): grpc.ClientUnaryCall;
  Acknowledge(argument: _rekey_v1_AcknowledgeRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_rekey_v1_AcknowledgeResponse__Output>): grpc.ClientUnaryCall;
  Acknowledge(argument: _rekey_v1_AcknowledgeRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_AcknowledgeResponse__Output>): grpc.ClientUnaryCall;
  Acknowledge(argument: _rekey_v1_AcknowledgeRequest, callback: grpc.requestCallback<_rekey_v1_AcknowledgeResponse__Output>): grpc.ClientUnaryCall;
  acknowledge(argument: _rekey_v1_AcknowledgeRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_AcknowledgeResponse__Output>): grpc.ClientUnaryCall;
  acknowledge(argument: _rekey_v1_AcknowledgeRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_rekey_v1_AcknowledgeResponse__Output>): grpc.ClientUnaryCall;
  acknowledge(argument: _rekey_v1_AcknowledgeRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_AcknowledgeResponse__Output>): grpc.ClientUnaryCall;
  acknowledge(argument: _rekey_v1_AcknowledgeRequest, callback: grpc.requestCallback<_rekey_v1_AcknowledgeResponse__Output>): grpc.ClientUnaryCall;
  
  GetEventsState(argument: _rekey_v1_GetEventsStateRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_GetEventsStateResponse__Output>): grpc.ClientUnaryCall;
  GetEventsState(argument: _rekey_v1_GetEventsStateRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_rekey_v1_GetEventsStateResponse__Output>): grpc.ClientUnaryCall;
  GetEventsState(argument: _rekey_v1_GetEventsStateRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_GetEventsStateResponse__Output>): grpc.ClientUnaryCall;
  GetEventsState(argument: _rekey_v1_GetEventsStateRequest, callback: grpc.requestCallback<_rekey_v1_GetEventsStateResponse__Output>): grpc.ClientUnaryCall;
  getEventsState(argument: _rekey_v1_GetEventsStateRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_GetEventsStateResponse__Output>): grpc.ClientUnaryCall;
  getEventsState(argument: _rekey_v1_GetEventsStateRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_rekey_v1_GetEventsStateResponse__Output>): grpc.ClientUnaryCall;
  getEventsState(argument: _rekey_v1_GetEventsStateRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_GetEventsStateResponse__Output>): grpc.ClientUnaryCall;
  getEventsState(argument: _rekey_v1_GetEventsStateRequest, callback: grpc.requestCallback<_rekey_v1_GetEventsStateResponse__Output>): grpc.ClientUnaryCall;
  
  GetRecords(argument: _rekey_v1_GetRecordsRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_GetRecordsResponse__Output>): grpc.ClientUnaryCall;
  GetRecords(argument: _rekey_v1_GetRecordsRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_rekey_v1_GetRecordsResponse__Output>): grpc.ClientUnaryCall;
  GetRecords(argument: _rekey_v1_GetRecordsRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_GetRecordsResponse__Output>): grpc.ClientUnaryCall;
  GetRecords(argument: _rekey_v1_GetRecordsRequest, callback: grpc.requestCallback<_rekey_v1_GetRecordsResponse__Output>): grpc.ClientUnaryCall;
  getRecords(argument: _rekey_v1_GetRecordsRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_GetRecordsResponse__Output>): grpc.ClientUnaryCall;
  getRecords(argument: _rekey_v1_GetRecordsRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_rekey_v1_GetRecordsResponse__Output>): grpc.ClientUnaryCall;
  getRecords(argument: _rekey_v1_GetRecordsRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_GetRecordsResponse__Output>): grpc.ClientUnaryCall;
  getRecords(argument: _rekey_v1_GetRecordsRequest, callback: grpc.requestCallback<_rekey_v1_GetRecordsResponse__Output>): grpc.ClientUnaryCall;
  
  GetSnapshot(argument: _rekey_v1_GetSnapshotRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_GetSnapshotResponse__Output>): grpc.ClientUnaryCall;
  GetSnapshot(argument: _rekey_v1_GetSnapshotRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_rekey_v1_GetSnapshotResponse__Output>): grpc.ClientUnaryCall;
  GetSnapshot(argument: _rekey_v1_GetSnapshotRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_GetSnapshotResponse__Output>): grpc.ClientUnaryCall;
  GetSnapshot(argument: _rekey_v1_GetSnapshotRequest, callback: grpc.requestCallback<_rekey_v1_GetSnapshotResponse__Output>): grpc.ClientUnaryCall;
  getSnapshot(argument: _rekey_v1_GetSnapshotRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_GetSnapshotResponse__Output>): grpc.ClientUnaryCall;
  getSnapshot(argument: _rekey_v1_GetSnapshotRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_rekey_v1_GetSnapshotResponse__Output>): grpc.ClientUnaryCall;
  getSnapshot(argument: _rekey_v1_GetSnapshotRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_GetSnapshotResponse__Output>): grpc.ClientUnaryCall;
  getSnapshot(argument: _rekey_v1_GetSnapshotRequest, callback: grpc.requestCallback<_rekey_v1_GetSnapshotResponse__Output>): grpc.ClientUnaryCall;
  
  WatchEvents(argument: _rekey_v1_WatchEventsRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_rekey_v1_WatchEventsResponse__Output>;
  WatchEvents(argument: _rekey_v1_WatchEventsRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_rekey_v1_WatchEventsResponse__Output>;
  watchEvents(argument: _rekey_v1_WatchEventsRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_rekey_v1_WatchEventsResponse__Output>;
  watchEvents(argument: _rekey_v1_WatchEventsRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_rekey_v1_WatchEventsResponse__Output>;
  
}

export interface EventServiceHandlers extends grpc.UntypedServiceImplementation {
  Acknowledge: grpc.handleUnaryCall<_rekey_v1_AcknowledgeRequest__Output, _rekey_v1_AcknowledgeResponse>;
  
  GetEventsState: grpc.handleUnaryCall<_rekey_v1_GetEventsStateRequest__Output, _rekey_v1_GetEventsStateResponse>;
  
  GetRecords: grpc.handleUnaryCall<_rekey_v1_GetRecordsRequest__Output, _rekey_v1_GetRecordsResponse>;
  
  GetSnapshot: grpc.handleUnaryCall<_rekey_v1_GetSnapshotRequest__Output, _rekey_v1_GetSnapshotResponse>;
  
  WatchEvents: grpc.handleServerStreamingCall<_rekey_v1_WatchEventsRequest__Output, _rekey_v1_WatchEventsResponse>;
  
}

export interface EventServiceDefinition extends grpc.ServiceDefinition {
  Acknowledge: MethodDefinition<_rekey_v1_AcknowledgeRequest, _rekey_v1_AcknowledgeResponse, _rekey_v1_AcknowledgeRequest__Output, _rekey_v1_AcknowledgeResponse__Output>
  GetEventsState: MethodDefinition<_rekey_v1_GetEventsStateRequest, _rekey_v1_GetEventsStateResponse, _rekey_v1_GetEventsStateRequest__Output, _rekey_v1_GetEventsStateResponse__Output>
  GetRecords: MethodDefinition<_rekey_v1_GetRecordsRequest, _rekey_v1_GetRecordsResponse, _rekey_v1_GetRecordsRequest__Output, _rekey_v1_GetRecordsResponse__Output>
  GetSnapshot: MethodDefinition<_rekey_v1_GetSnapshotRequest, _rekey_v1_GetSnapshotResponse, _rekey_v1_GetSnapshotRequest__Output, _rekey_v1_GetSnapshotResponse__Output>
  WatchEvents: MethodDefinition<_rekey_v1_WatchEventsRequest, _rekey_v1_WatchEventsResponse, _rekey_v1_WatchEventsRequest__Output, _rekey_v1_WatchEventsResponse__Output>
}
