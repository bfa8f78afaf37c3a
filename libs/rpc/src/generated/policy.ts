import type * as grpc from '@grpc/grpc-js';
import type { MessageTypeDefinition } from '@grpc/proto-loader';

import type { Duration as _google_protobuf_Duration, Duration__Output as _google_protobuf_Duration__Output } from './google/protobuf/Duration.ts';
import type { FieldMask as _google_protobuf_FieldMask, FieldMask__Output as _google_protobuf_FieldMask__Output } from './google/protobuf/FieldMask.ts';
import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from './google/protobuf/Timestamp.ts';
import type { BulkCounts as _rekey_v1_BulkCounts, BulkCounts__Output as _rekey_v1_BulkCounts__Output } from './rekey/v1/BulkCounts.ts';
import type { BulkEstimate as _rekey_v1_BulkEstimate, BulkEstimate__Output as _rekey_v1_BulkEstimate__Output } from './rekey/v1/BulkEstimate.ts';
import type { BulkFailure as _rekey_v1_BulkFailure, BulkFailure__Output as _rekey_v1_BulkFailure__Output } from './rekey/v1/BulkFailure.ts';
import type { BulkList as _rekey_v1_BulkList, BulkList__Output as _rekey_v1_BulkList__Output } from './rekey/v1/BulkList.ts';
import type { BulkRotation as _rekey_v1_BulkRotation, BulkRotation__Output as _rekey_v1_BulkRotation__Output } from './rekey/v1/BulkRotation.ts';
import type { BulkRotationItem as _rekey_v1_BulkRotationItem, BulkRotationItem__Output as _rekey_v1_BulkRotationItem__Output } from './rekey/v1/BulkRotationItem.ts';
import type { BulkRotationServiceClient as _rekey_v1_BulkRotationServiceClient, BulkRotationServiceDefinition as _rekey_v1_BulkRotationServiceDefinition } from './rekey/v1/BulkRotationService.ts';
import type { BulkStop as _rekey_v1_BulkStop, BulkStop__Output as _rekey_v1_BulkStop__Output } from './rekey/v1/BulkStop.ts';
import type { BulkVerification as _rekey_v1_BulkVerification, BulkVerification__Output as _rekey_v1_BulkVerification__Output } from './rekey/v1/BulkVerification.ts';
import type { Canary as _rekey_v1_Canary, Canary__Output as _rekey_v1_Canary__Output } from './rekey/v1/Canary.ts';
import type { CancelBulkRotationRequest as _rekey_v1_CancelBulkRotationRequest, CancelBulkRotationRequest__Output as _rekey_v1_CancelBulkRotationRequest__Output } from './rekey/v1/CancelBulkRotationRequest.ts';
import type { CancelRotationRequest as _rekey_v1_CancelRotationRequest, CancelRotationRequest__Output as _rekey_v1_CancelRotationRequest__Output } from './rekey/v1/CancelRotationRequest.ts';
import type { ConsumerReach as _rekey_v1_ConsumerReach, ConsumerReach__Output as _rekey_v1_ConsumerReach__Output } from './rekey/v1/ConsumerReach.ts';
import type { CreateBulkRotationRequest as _rekey_v1_CreateBulkRotationRequest, CreateBulkRotationRequest__Output as _rekey_v1_CreateBulkRotationRequest__Output } from './rekey/v1/CreateBulkRotationRequest.ts';
import type { CreateRotationPolicyRequest as _rekey_v1_CreateRotationPolicyRequest, CreateRotationPolicyRequest__Output as _rekey_v1_CreateRotationPolicyRequest__Output } from './rekey/v1/CreateRotationPolicyRequest.ts';
import type { DeleteRotationPolicyRequest as _rekey_v1_DeleteRotationPolicyRequest, DeleteRotationPolicyRequest__Output as _rekey_v1_DeleteRotationPolicyRequest__Output } from './rekey/v1/DeleteRotationPolicyRequest.ts';
import type { DeleteRotationPolicyResponse as _rekey_v1_DeleteRotationPolicyResponse, DeleteRotationPolicyResponse__Output as _rekey_v1_DeleteRotationPolicyResponse__Output } from './rekey/v1/DeleteRotationPolicyResponse.ts';
import type { FailureLimit as _rekey_v1_FailureLimit, FailureLimit__Output as _rekey_v1_FailureLimit__Output } from './rekey/v1/FailureLimit.ts';
import type { GetBulkRotationRequest as _rekey_v1_GetBulkRotationRequest, GetBulkRotationRequest__Output as _rekey_v1_GetBulkRotationRequest__Output } from './rekey/v1/GetBulkRotationRequest.ts';
import type { GetRotationPolicyRequest as _rekey_v1_GetRotationPolicyRequest, GetRotationPolicyRequest__Output as _rekey_v1_GetRotationPolicyRequest__Output } from './rekey/v1/GetRotationPolicyRequest.ts';
import type { GetRotationRequest as _rekey_v1_GetRotationRequest, GetRotationRequest__Output as _rekey_v1_GetRotationRequest__Output } from './rekey/v1/GetRotationRequest.ts';
import type { GetRotationTimelineRequest as _rekey_v1_GetRotationTimelineRequest, GetRotationTimelineRequest__Output as _rekey_v1_GetRotationTimelineRequest__Output } from './rekey/v1/GetRotationTimelineRequest.ts';
import type { ListBulkRotationItemsRequest as _rekey_v1_ListBulkRotationItemsRequest, ListBulkRotationItemsRequest__Output as _rekey_v1_ListBulkRotationItemsRequest__Output } from './rekey/v1/ListBulkRotationItemsRequest.ts';
import type { ListBulkRotationItemsResponse as _rekey_v1_ListBulkRotationItemsResponse, ListBulkRotationItemsResponse__Output as _rekey_v1_ListBulkRotationItemsResponse__Output } from './rekey/v1/ListBulkRotationItemsResponse.ts';
import type { ListBulkRotationsRequest as _rekey_v1_ListBulkRotationsRequest, ListBulkRotationsRequest__Output as _rekey_v1_ListBulkRotationsRequest__Output } from './rekey/v1/ListBulkRotationsRequest.ts';
import type { ListBulkRotationsResponse as _rekey_v1_ListBulkRotationsResponse, ListBulkRotationsResponse__Output as _rekey_v1_ListBulkRotationsResponse__Output } from './rekey/v1/ListBulkRotationsResponse.ts';
import type { ListRotationPoliciesRequest as _rekey_v1_ListRotationPoliciesRequest, ListRotationPoliciesRequest__Output as _rekey_v1_ListRotationPoliciesRequest__Output } from './rekey/v1/ListRotationPoliciesRequest.ts';
import type { ListRotationPoliciesResponse as _rekey_v1_ListRotationPoliciesResponse, ListRotationPoliciesResponse__Output as _rekey_v1_ListRotationPoliciesResponse__Output } from './rekey/v1/ListRotationPoliciesResponse.ts';
import type { ListRotationsRequest as _rekey_v1_ListRotationsRequest, ListRotationsRequest__Output as _rekey_v1_ListRotationsRequest__Output } from './rekey/v1/ListRotationsRequest.ts';
import type { ListRotationsResponse as _rekey_v1_ListRotationsResponse, ListRotationsResponse__Output as _rekey_v1_ListRotationsResponse__Output } from './rekey/v1/ListRotationsResponse.ts';
import type { PauseBulkRotationRequest as _rekey_v1_PauseBulkRotationRequest, PauseBulkRotationRequest__Output as _rekey_v1_PauseBulkRotationRequest__Output } from './rekey/v1/PauseBulkRotationRequest.ts';
import type { PauseRotationPolicyRequest as _rekey_v1_PauseRotationPolicyRequest, PauseRotationPolicyRequest__Output as _rekey_v1_PauseRotationPolicyRequest__Output } from './rekey/v1/PauseRotationPolicyRequest.ts';
import type { Reconciliation as _rekey_v1_Reconciliation, Reconciliation__Output as _rekey_v1_Reconciliation__Output } from './rekey/v1/Reconciliation.ts';
import type { ResumeBulkRotationRequest as _rekey_v1_ResumeBulkRotationRequest, ResumeBulkRotationRequest__Output as _rekey_v1_ResumeBulkRotationRequest__Output } from './rekey/v1/ResumeBulkRotationRequest.ts';
import type { ResumeRotationPolicyRequest as _rekey_v1_ResumeRotationPolicyRequest, ResumeRotationPolicyRequest__Output as _rekey_v1_ResumeRotationPolicyRequest__Output } from './rekey/v1/ResumeRotationPolicyRequest.ts';
import type { RetryBulkRotationRequest as _rekey_v1_RetryBulkRotationRequest, RetryBulkRotationRequest__Output as _rekey_v1_RetryBulkRotationRequest__Output } from './rekey/v1/RetryBulkRotationRequest.ts';
import type { RotateSecretKeyRequest as _rekey_v1_RotateSecretKeyRequest, RotateSecretKeyRequest__Output as _rekey_v1_RotateSecretKeyRequest__Output } from './rekey/v1/RotateSecretKeyRequest.ts';
import type { Rotation as _rekey_v1_Rotation, Rotation__Output as _rekey_v1_Rotation__Output } from './rekey/v1/Rotation.ts';
import type { RotationError as _rekey_v1_RotationError, RotationError__Output as _rekey_v1_RotationError__Output } from './rekey/v1/RotationError.ts';
import type { RotationPolicy as _rekey_v1_RotationPolicy, RotationPolicy__Output as _rekey_v1_RotationPolicy__Output } from './rekey/v1/RotationPolicy.ts';
import type { RotationPolicyError as _rekey_v1_RotationPolicyError, RotationPolicyError__Output as _rekey_v1_RotationPolicyError__Output } from './rekey/v1/RotationPolicyError.ts';
import type { RotationPolicyServiceClient as _rekey_v1_RotationPolicyServiceClient, RotationPolicyServiceDefinition as _rekey_v1_RotationPolicyServiceDefinition } from './rekey/v1/RotationPolicyService.ts';
import type { RotationServiceClient as _rekey_v1_RotationServiceClient, RotationServiceDefinition as _rekey_v1_RotationServiceDefinition } from './rekey/v1/RotationService.ts';
import type { RotationTimeline as _rekey_v1_RotationTimeline, RotationTimeline__Output as _rekey_v1_RotationTimeline__Output } from './rekey/v1/RotationTimeline.ts';
import type { RotationWindow as _rekey_v1_RotationWindow, RotationWindow__Output as _rekey_v1_RotationWindow__Output } from './rekey/v1/RotationWindow.ts';
import type { UpdateRotationPolicyRequest as _rekey_v1_UpdateRotationPolicyRequest, UpdateRotationPolicyRequest__Output as _rekey_v1_UpdateRotationPolicyRequest__Output } from './rekey/v1/UpdateRotationPolicyRequest.ts';
import type { WaitRotationRequest as _rekey_v1_WaitRotationRequest, WaitRotationRequest__Output as _rekey_v1_WaitRotationRequest__Output } from './rekey/v1/WaitRotationRequest.ts';
import type { WatchBulkRotationRequest as _rekey_v1_WatchBulkRotationRequest, WatchBulkRotationRequest__Output as _rekey_v1_WatchBulkRotationRequest__Output } from './rekey/v1/WatchBulkRotationRequest.ts';

type SubtypeConstructor<Constructor extends new (...args: any) => any, Subtype> = {
  new(...args: ConstructorParameters<Constructor>): Subtype;
};

export interface ProtoGrpcType {
  google: {
    protobuf: {
      Duration: MessageTypeDefinition<_google_protobuf_Duration, _google_protobuf_Duration__Output>
      FieldMask: MessageTypeDefinition<_google_protobuf_FieldMask, _google_protobuf_FieldMask__Output>
      Timestamp: MessageTypeDefinition<_google_protobuf_Timestamp, _google_protobuf_Timestamp__Output>
    }
  }
  rekey: {
    v1: {
      BulkCounts: MessageTypeDefinition<_rekey_v1_BulkCounts, _rekey_v1_BulkCounts__Output>
      BulkEstimate: MessageTypeDefinition<_rekey_v1_BulkEstimate, _rekey_v1_BulkEstimate__Output>
      BulkFailure: MessageTypeDefinition<_rekey_v1_BulkFailure, _rekey_v1_BulkFailure__Output>
      BulkList: MessageTypeDefinition<_rekey_v1_BulkList, _rekey_v1_BulkList__Output>
      BulkRotation: MessageTypeDefinition<_rekey_v1_BulkRotation, _rekey_v1_BulkRotation__Output>
      BulkRotationItem: MessageTypeDefinition<_rekey_v1_BulkRotationItem, _rekey_v1_BulkRotationItem__Output>
      BulkRotationService: SubtypeConstructor<typeof grpc.Client, _rekey_v1_BulkRotationServiceClient> & { service: _rekey_v1_BulkRotationServiceDefinition }
      BulkStop: MessageTypeDefinition<_rekey_v1_BulkStop, _rekey_v1_BulkStop__Output>
      BulkVerification: MessageTypeDefinition<_rekey_v1_BulkVerification, _rekey_v1_BulkVerification__Output>
      Canary: MessageTypeDefinition<_rekey_v1_Canary, _rekey_v1_Canary__Output>
      CancelBulkRotationRequest: MessageTypeDefinition<_rekey_v1_CancelBulkRotationRequest, _rekey_v1_CancelBulkRotationRequest__Output>
      CancelRotationRequest: MessageTypeDefinition<_rekey_v1_CancelRotationRequest, _rekey_v1_CancelRotationRequest__Output>
      ConsumerReach: MessageTypeDefinition<_rekey_v1_ConsumerReach, _rekey_v1_ConsumerReach__Output>
      CreateBulkRotationRequest: MessageTypeDefinition<_rekey_v1_CreateBulkRotationRequest, _rekey_v1_CreateBulkRotationRequest__Output>
      CreateRotationPolicyRequest: MessageTypeDefinition<_rekey_v1_CreateRotationPolicyRequest, _rekey_v1_CreateRotationPolicyRequest__Output>
      DeleteRotationPolicyRequest: MessageTypeDefinition<_rekey_v1_DeleteRotationPolicyRequest, _rekey_v1_DeleteRotationPolicyRequest__Output>
      DeleteRotationPolicyResponse: MessageTypeDefinition<_rekey_v1_DeleteRotationPolicyResponse, _rekey_v1_DeleteRotationPolicyResponse__Output>
      FailureLimit: MessageTypeDefinition<_rekey_v1_FailureLimit, _rekey_v1_FailureLimit__Output>
      GetBulkRotationRequest: MessageTypeDefinition<_rekey_v1_GetBulkRotationRequest, _rekey_v1_GetBulkRotationRequest__Output>
      GetRotationPolicyRequest: MessageTypeDefinition<_rekey_v1_GetRotationPolicyRequest, _rekey_v1_GetRotationPolicyRequest__Output>
      GetRotationRequest: MessageTypeDefinition<_rekey_v1_GetRotationRequest, _rekey_v1_GetRotationRequest__Output>
      GetRotationTimelineRequest: MessageTypeDefinition<_rekey_v1_GetRotationTimelineRequest, _rekey_v1_GetRotationTimelineRequest__Output>
      ListBulkRotationItemsRequest: MessageTypeDefinition<_rekey_v1_ListBulkRotationItemsRequest, _rekey_v1_ListBulkRotationItemsRequest__Output>
      ListBulkRotationItemsResponse: MessageTypeDefinition<_rekey_v1_ListBulkRotationItemsResponse, _rekey_v1_ListBulkRotationItemsResponse__Output>
      ListBulkRotationsRequest: MessageTypeDefinition<_rekey_v1_ListBulkRotationsRequest, _rekey_v1_ListBulkRotationsRequest__Output>
      ListBulkRotationsResponse: MessageTypeDefinition<_rekey_v1_ListBulkRotationsResponse, _rekey_v1_ListBulkRotationsResponse__Output>
      ListRotationPoliciesRequest: MessageTypeDefinition<_rekey_v1_ListRotationPoliciesRequest, _rekey_v1_ListRotationPoliciesRequest__Output>
      ListRotationPoliciesResponse: MessageTypeDefinition<_rekey_v1_ListRotationPoliciesResponse, _rekey_v1_ListRotationPoliciesResponse__Output>
      ListRotationsRequest: MessageTypeDefinition<_rekey_v1_ListRotationsRequest, _rekey_v1_ListRotationsRequest__Output>
      ListRotationsResponse: MessageTypeDefinition<_rekey_v1_ListRotationsResponse, _rekey_v1_ListRotationsResponse__Output>
      PauseBulkRotationRequest: MessageTypeDefinition<_rekey_v1_PauseBulkRotationRequest, _rekey_v1_PauseBulkRotationRequest__Output>
      PauseRotationPolicyRequest: MessageTypeDefinition<_rekey_v1_PauseRotationPolicyRequest, _rekey_v1_PauseRotationPolicyRequest__Output>
      Reconciliation: MessageTypeDefinition<_rekey_v1_Reconciliation, _rekey_v1_Reconciliation__Output>
      ResumeBulkRotationRequest: MessageTypeDefinition<_rekey_v1_ResumeBulkRotationRequest, _rekey_v1_ResumeBulkRotationRequest__Output>
      ResumeRotationPolicyRequest: MessageTypeDefinition<_rekey_v1_ResumeRotationPolicyRequest, _rekey_v1_ResumeRotationPolicyRequest__Output>
      RetryBulkRotationRequest: MessageTypeDefinition<_rekey_v1_RetryBulkRotationRequest, _rekey_v1_RetryBulkRotationRequest__Output>
      RotateSecretKeyRequest: MessageTypeDefinition<_rekey_v1_RotateSecretKeyRequest, _rekey_v1_RotateSecretKeyRequest__Output>
      Rotation: MessageTypeDefinition<_rekey_v1_Rotation, _rekey_v1_Rotation__Output>
      RotationError: MessageTypeDefinition<_rekey_v1_RotationError, _rekey_v1_RotationError__Output>
      RotationPolicy: MessageTypeDefinition<_rekey_v1_RotationPolicy, _rekey_v1_RotationPolicy__Output>
      RotationPolicyError: MessageTypeDefinition<_rekey_v1_RotationPolicyError, _rekey_v1_RotationPolicyError__Output>
      RotationPolicyService: SubtypeConstructor<typeof grpc.Client, _rekey_v1_RotationPolicyServiceClient> & { service: _rekey_v1_RotationPolicyServiceDefinition }
      RotationService: SubtypeConstructor<typeof grpc.Client, _rekey_v1_RotationServiceClient> & { service: _rekey_v1_RotationServiceDefinition }
      RotationTimeline: MessageTypeDefinition<_rekey_v1_RotationTimeline, _rekey_v1_RotationTimeline__Output>
      RotationWindow: MessageTypeDefinition<_rekey_v1_RotationWindow, _rekey_v1_RotationWindow__Output>
      UpdateRotationPolicyRequest: MessageTypeDefinition<_rekey_v1_UpdateRotationPolicyRequest, _rekey_v1_UpdateRotationPolicyRequest__Output>
      WaitRotationRequest: MessageTypeDefinition<_rekey_v1_WaitRotationRequest, _rekey_v1_WaitRotationRequest__Output>
      WatchBulkRotationRequest: MessageTypeDefinition<_rekey_v1_WatchBulkRotationRequest, _rekey_v1_WatchBulkRotationRequest__Output>
    }
  }
}

