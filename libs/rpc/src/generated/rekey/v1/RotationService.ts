// Original file: ../../proto/rekey/v1/rotation.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { CancelRotationRequest as _rekey_v1_CancelRotationRequest, CancelRotationRequest__Output as _rekey_v1_CancelRotationRequest__Output } from '../../rekey/v1/CancelRotationRequest.ts';
import type { GetRotationRequest as _rekey_v1_GetRotationRequest, GetRotationRequest__Output as _rekey_v1_GetRotationRequest__Output } from '../../rekey/v1/GetRotationRequest.ts';
import type { GetRotationTimelineRequest as _rekey_v1_GetRotationTimelineRequest, GetRotationTimelineRequest__Output as _rekey_v1_GetRotationTimelineRequest__Output } from '../../rekey/v1/GetRotationTimelineRequest.ts';
import type { ListRotationsRequest as _rekey_v1_ListRotationsRequest, ListRotationsRequest__Output as _rekey_v1_ListRotationsRequest__Output } from '../../rekey/v1/ListRotationsRequest.ts';
import type { ListRotationsResponse as _rekey_v1_ListRotationsResponse, ListRotationsResponse__Output as _rekey_v1_ListRotationsResponse__Output } from '../../rekey/v1/ListRotationsResponse.ts';
import type { RotateSecretKeyRequest as _rekey_v1_RotateSecretKeyRequest, RotateSecretKeyRequest__Output as _rekey_v1_RotateSecretKeyRequest__Output } from '../../rekey/v1/RotateSecretKeyRequest.ts';
import type { Rotation as _rekey_v1_Rotation, Rotation__Output as _rekey_v1_Rotation__Output } from '../../rekey/v1/Rotation.ts';
import type { RotationTimeline as _rekey_v1_RotationTimeline, RotationTimeline__Output as _rekey_v1_RotationTimeline__Output } from '../../rekey/v1/RotationTimeline.ts';
import type { WaitRotationRequest as _rekey_v1_WaitRotationRequest, WaitRotationRequest__Output as _rekey_v1_WaitRotationRequest__Output } from '../../rekey/v1/WaitRotationRequest.ts';

export interface RotationServiceClient extends grpc.Client {
  CancelRotation(argument: _rekey_v1_CancelRotationRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_Rotation__Output>): grpc.ClientUnaryCall;
  CancelRotation(argument: _rekey_v1_CancelRotationRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_rekey_v1_Rotation__Output>): grpc.ClientUnaryCall;
  CancelRotation(argument: _rekey_v1_CancelRotationRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_Rotation__Output>): grpc.ClientUnaryCall;
  CancelRotation(argument: _rekey_v1_CancelRotationRequest, callback: grpc.requestCallback<_rekey_v1_Rotation__Output>): grpc.ClientUnaryCall;
  cancelRotation(argument: _rekey_v1_CancelRotationRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_Rotation__Output>): grpc.ClientUnaryCall;
  cancelRotation(argument: _rekey_v1_CancelRotationRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_rekey_v1_Rotation__Output>): grpc.ClientUnaryCall;
  cancelRotation(argument: _rekey_v1_CancelRotationRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_Rotation__Output>): grpc.ClientUnaryCall;
  cancelRotation(argument: _rekey_v1_CancelRotationRequest, callback: grpc.requestCallback<_rekey_v1_Rotation__Output>): grpc.ClientUnaryCall;
  
  GetRotation(argument: _rekey_v1_GetRotationRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_Rotation__Output>): grpc.ClientUnaryCall;
  GetRotation(argument: _rekey_v1_GetRotationRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_rekey_v1_Rotation__Output>): grpc.ClientUnaryCall;
  GetRotation(argument: _rekey_v1_GetRotationRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_Rotation__Output>): grpc.ClientUnaryCall;
  GetRotation(argument: _rekey_v1_GetRotationRequest, callback: grpc.requestCallback<_rekey_v1_Rotation__Output>): grpc.ClientUnaryCall;
  getRotation(argument: _rekey_v1_GetRotationRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_Rotation__Output>): grpc.ClientUnaryCall;
  getRotation(argument: _rekey_v1_GetRotationRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_rekey_v1_Rotation__Output>): grpc.ClientUnaryCall;
  getRotation(argument: _rekey_v1_GetRotationRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_Rotation__Output>): grpc.ClientUnaryCall;
  getRotation(argument: _rekey_v1_GetRotationRequest, callback: grpc.requestCallback<_rekey_v1_Rotation__Output>): grpc.ClientUnaryCall;
  
  GetRotationTimeline(argument: _rekey_v1_GetRotationTimelineRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_RotationTimeline__Output>): grpc.ClientUnaryCall;
  GetRotationTimeline(argument: _rekey_v1_GetRotationTimelineRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_rekey_v1_RotationTimeline__Output>): grpc.ClientUnaryCall;
  GetRotationTimeline(argument: _rekey_v1_GetRotationTimelineRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_RotationTimeline__Output>): grpc.ClientUnaryCall;
  GetRotationTimeline(argument: _rekey_v1_GetRotationTimelineRequest, callback: grpc.requestCallback<_rekey_v1_RotationTimeline__Output>): grpc.ClientUnaryCall;
  getRotationTimeline(argument: _rekey_v1_GetRotationTimelineRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_RotationTimeline__Output>): grpc.ClientUnaryCall;
  getRotationTimeline(argument: _rekey_v1_GetRotationTimelineRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_rekey_v1_RotationTimeline__Output>): grpc.ClientUnaryCall;
  getRotationTimeline(argument: _rekey_v1_GetRotationTimelineRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_RotationTimeline__Output>): grpc.ClientUnaryCall;
  getRotationTimeline(argument: _rekey_v1_GetRotationTimelineRequest, callback: grpc.requestCallback<_rekey_v1_RotationTimeline__Output>): grpc.ClientUnaryCall;
  
  ListRotations(argument: _rekey_v1_ListRotationsRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_ListRotationsResponse__Output>): grpc.ClientUnaryCall;
  ListRotations(argument: _rekey_v1_ListRotationsRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_rekey_v1_ListRotationsResponse__Output>): grpc.ClientUnaryCall;
  ListRotations(argument: _rekey_v1_ListRotationsRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_ListRotationsResponse__Output>): grpc.ClientUnaryCall;
  ListRotations(argument: _rekey_v1_ListRotationsRequest, callback: grpc.requestCallback<_rekey_v1_ListRotationsResponse__Output>): grpc.ClientUnaryCall;
  listRotations(argument: _rekey_v1_ListRotationsRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_ListRotationsResponse__Output>): grpc.ClientUnaryCall;
  listRotations(argument: _rekey_v1_ListRotationsRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_rekey_v1_ListRotationsResponse__Output>): grpc.ClientUnaryCall;
  listRotations(argument: _rekey_v1_ListRotationsRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_ListRotationsResponse__Output>): grpc.ClientUnaryCall;
  listRotations(argument: _rekey_v1_ListRotationsRequest, callback: grpc.requestCallback<_rekey_v1_ListRotationsResponse__Output>): grpc.ClientUnaryCall;
  
  RotateSecretKey(argument: _rekey_v1_RotateSecretKeyRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_Rotation__Output>): grpc.ClientUnaryCall;
  RotateSecretKey(argument: _rekey_v1_RotateSecretKeyRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_rekey_v1_Rotation__Output>): grpc.ClientUnaryCall;
  RotateSecretKey(argument: _rekey_v1_RotateSecretKeyRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_Rotation__Output>): grpc.ClientUnaryCall;
  RotateSecretKey(argument: _rekey_v1_RotateSecretKeyRequest, callback: grpc.requestCallback<_rekey_v1_Rotation__Output>): grpc.ClientUnaryCall;
  rotateSecretKey(argument: _rekey_v1_RotateSecretKeyRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_Rotation__Output>): grpc.ClientUnaryCall;
  rotateSecretKey(argument: _rekey_v1_RotateSecretKeyRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_rekey_v1_Rotation__Output>): grpc.ClientUnaryCall;
  rotateSecretKey(argument: _rekey_v1_RotateSecretKeyRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_Rotation__Output>): grpc.ClientUnaryCall;
  rotateSecretKey(argument: _rekey_v1_RotateSecretKeyRequest, callback: grpc.requestCallback<_rekey_v1_Rotation__Output>): grpc.ClientUnaryCall;
  
  WaitRotation(argument: _rekey_v1_WaitRotationRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_Rotation__Output>): grpc.ClientUnaryCall;
  WaitRotation(argument: _rekey_v1_WaitRotationRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_rekey_v1_Rotation__Output>): grpc.ClientUnaryCall;
  WaitRotation(argument: _rekey_v1_WaitRotationRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_Rotation__Output>): grpc.ClientUnaryCall;
  WaitRotation(argument: _rekey_v1_WaitRotationRequest, callback: grpc.requestCallback<_rekey_v1_Rotation__Output>): grpc.ClientUnaryCall;
  waitRotation(argument: _rekey_v1_WaitRotationRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_Rotation__Output>): grpc.ClientUnaryCall;
  waitRotation(argument: _rekey_v1_WaitRotationRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_rekey_v1_Rotation__Output>): grpc.ClientUnaryCall;
  waitRotation(argument: _rekey_v1_WaitRotationRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_Rotation__Output>): grpc.ClientUnaryCall;
  waitRotation(argument: _rekey_v1_WaitRotationRequest, callback: grpc.requestCallback<_rekey_v1_Rotation__Output>): grpc.ClientUnaryCall;
  
}

export interface RotationServiceHandlers extends grpc.UntypedServiceImplementation {
  CancelRotation: grpc.handleUnaryCall<_rekey_v1_CancelRotationRequest__Output, _rekey_v1_Rotation>;
  
  GetRotation: grpc.handleUnaryCall<_rekey_v1_GetRotationRequest__Output, _rekey_v1_Rotation>;
  
  GetRotationTimeline: grpc.handleUnaryCall<_rekey_v1_GetRotationTimelineRequest__Output, _rekey_v1_RotationTimeline>;
  
  ListRotations: grpc.handleUnaryCall<_rekey_v1_ListRotationsRequest__Output, _rekey_v1_ListRotationsResponse>;
  
  RotateSecretKey: grpc.handleUnaryCall<_rekey_v1_RotateSecretKeyRequest__Output, _rekey_v1_Rotation>;
  
  WaitRotation: grpc.handleUnaryCall<_rekey_v1_WaitRotationRequest__Output, _rekey_v1_Rotation>;
  
}

export interface RotationServiceDefinition extends grpc.ServiceDefinition {
  CancelRotation: MethodDefinition<_rekey_v1_CancelRotationRequest, _rekey_v1_Rotation, _rekey_v1_CancelRotationRequest__Output, _rekey_v1_Rotation__Output>
  GetRotation: MethodDefinition<_rekey_v1_GetRotationRequest, _rekey_v1_Rotation, _rekey_v1_GetRotationRequest__Output, _rekey_v1_Rotation__Output>
  GetRotationTimeline: MethodDefinition<_rekey_v1_GetRotationTimelineRequest, _rekey_v1_RotationTimeline, _rekey_v1_GetRotationTimelineRequest__Output, _rekey_v1_RotationTimeline__Output>
  ListRotations: MethodDefinition<_rekey_v1_ListRotationsRequest, _rekey_v1_ListRotationsResponse, _rekey_v1_ListRotationsRequest__Output, _rekey_v1_ListRotationsResponse__Output>
  RotateSecretKey: MethodDefinition<_rekey_v1_RotateSecretKeyRequest, _rekey_v1_Rotation, _rekey_v1_RotateSecretKeyRequest__Output, _rekey_v1_Rotation__Output>
  WaitRotation: MethodDefinition<_rekey_v1_WaitRotationRequest, _rekey_v1_Rotation, _rekey_v1_WaitRotationRequest__Output, _rekey_v1_Rotation__Output>
}
