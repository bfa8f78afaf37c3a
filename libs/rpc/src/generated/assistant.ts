import type * as grpc from '@grpc/grpc-js';
import type { MessageTypeDefinition } from '@grpc/proto-loader';

import type { Duration as _google_protobuf_Duration, Duration__Output as _google_protobuf_Duration__Output } from './google/protobuf/Duration.ts';
import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from './google/protobuf/Timestamp.ts';
import type { Assistant as _rekey_v1_Assistant, Assistant__Output as _rekey_v1_Assistant__Output } from './rekey/v1/Assistant.ts';
import type { AssistantServiceClient as _rekey_v1_AssistantServiceClient, AssistantServiceDefinition as _rekey_v1_AssistantServiceDefinition } from './rekey/v1/AssistantService.ts';
import type { AssistantSummary as _rekey_v1_AssistantSummary, AssistantSummary__Output as _rekey_v1_AssistantSummary__Output } from './rekey/v1/AssistantSummary.ts';
import type { CancelRotationRequest as _rekey_v1_CancelRotationRequest, CancelRotationRequest__Output as _rekey_v1_CancelRotationRequest__Output } from './rekey/v1/CancelRotationRequest.ts';
import type { ConsumerReach as _rekey_v1_ConsumerReach, ConsumerReach__Output as _rekey_v1_ConsumerReach__Output } from './rekey/v1/ConsumerReach.ts';
import type { GetAssistantRequest as _rekey_v1_GetAssistantRequest, GetAssistantRequest__Output as _rekey_v1_GetAssistantRequest__Output } from './rekey/v1/GetAssistantRequest.ts';
import type { GetRotationRequest as _rekey_v1_GetRotationRequest, GetRotationRequest__Output as _rekey_v1_GetRotationRequest__Output } from './rekey/v1/GetRotationRequest.ts';
import type { GetRotationTimelineRequest as _rekey_v1_GetRotationTimelineRequest, GetRotationTimelineRequest__Output as _rekey_v1_GetRotationTimelineRequest__Output } from './rekey/v1/GetRotationTimelineRequest.ts';
import type { KeyHolder as _rekey_v1_KeyHolder, KeyHolder__Output as _rekey_v1_KeyHolder__Output } from './rekey/v1/KeyHolder.ts';
import type { KeyVersion as _rekey_v1_KeyVersion, KeyVersion__Output as _rekey_v1_KeyVersion__Output } from './rekey/v1/KeyVersion.ts';
import type { ListAssistantsRequest as _rekey_v1_ListAssistantsRequest, ListAssistantsRequest__Output as _rekey_v1_ListAssistantsRequest__Output } from './rekey/v1/ListAssistantsRequest.ts';
import type { ListAssistantsResponse as _rekey_v1_ListAssistantsResponse, ListAssistantsResponse__Output as _rekey_v1_ListAssistantsResponse__Output } from './rekey/v1/ListAssistantsResponse.ts';
import type { ListKeyVersionsRequest as _rekey_v1_ListKeyVersionsRequest, ListKeyVersionsRequest__Output as _rekey_v1_ListKeyVersionsRequest__Output } from './rekey/v1/ListKeyVersionsRequest.ts';
import type { ListKeyVersionsResponse as _rekey_v1_ListKeyVersionsResponse, ListKeyVersionsResponse__Output as _rekey_v1_ListKeyVersionsResponse__Output } from './rekey/v1/ListKeyVersionsResponse.ts';
import type { ListOrgsRequest as _rekey_v1_ListOrgsRequest, ListOrgsRequest__Output as _rekey_v1_ListOrgsRequest__Output } from './rekey/v1/ListOrgsRequest.ts';
import type { ListOrgsResponse as _rekey_v1_ListOrgsResponse, ListOrgsResponse__Output as _rekey_v1_ListOrgsResponse__Output } from './rekey/v1/ListOrgsResponse.ts';
import type { ListRotationsRequest as _rekey_v1_ListRotationsRequest, ListRotationsRequest__Output as _rekey_v1_ListRotationsRequest__Output } from './rekey/v1/ListRotationsRequest.ts';
import type { ListRotationsResponse as _rekey_v1_ListRotationsResponse, ListRotationsResponse__Output as _rekey_v1_ListRotationsResponse__Output } from './rekey/v1/ListRotationsResponse.ts';
import type { Org as _rekey_v1_Org, Org__Output as _rekey_v1_Org__Output } from './rekey/v1/Org.ts';
import type { Reconciliation as _rekey_v1_Reconciliation, Reconciliation__Output as _rekey_v1_Reconciliation__Output } from './rekey/v1/Reconciliation.ts';
import type { RotateSecretKeyRequest as _rekey_v1_RotateSecretKeyRequest, RotateSecretKeyRequest__Output as _rekey_v1_RotateSecretKeyRequest__Output } from './rekey/v1/RotateSecretKeyRequest.ts';
import type { Rotation as _rekey_v1_Rotation, Rotation__Output as _rekey_v1_Rotation__Output } from './rekey/v1/Rotation.ts';
import type { RotationError as _rekey_v1_RotationError, RotationError__Output as _rekey_v1_RotationError__Output } from './rekey/v1/RotationError.ts';
import type { RotationServiceClient as _rekey_v1_RotationServiceClient, RotationServiceDefinition as _rekey_v1_RotationServiceDefinition } from './rekey/v1/RotationService.ts';
import type { RotationTimeline as _rekey_v1_RotationTimeline, RotationTimeline__Output as _rekey_v1_RotationTimeline__Output } from './rekey/v1/RotationTimeline.ts';
import type { WaitRotationRequest as _rekey_v1_WaitRotationRequest, WaitRotationRequest__Output as _rekey_v1_WaitRotationRequest__Output } from './rekey/v1/WaitRotationRequest.ts';

type SubtypeConstructor<Constructor extends new (...args: any) => any, Subtype> = {
  new(...args: ConstructorParameters<Constructor>): Subtype;
};

export interface ProtoGrpcType {
  google: {
    protobuf: {
      Duration: MessageTypeDefinition<_google_protobuf_Duration, _google_protobuf_Duration__Output>
      Timestamp: MessageTypeDefinition<_google_protobuf_Timestamp, _google_protobuf_Timestamp__Output>
    }
  }
  rekey: {
    v1: {
      Assistant: MessageTypeDefinition<_rekey_v1_Assistant, _rekey_v1_Assistant__Output>
      AssistantService: SubtypeConstructor<typeof grpc.Client, _rekey_v1_AssistantServiceClient> & { service: _rekey_v1_AssistantServiceDefinition }
      AssistantSummary: MessageTypeDefinition<_rekey_v1_AssistantSummary, _rekey_v1_AssistantSummary__Output>
      CancelRotationRequest: MessageTypeDefinition<_rekey_v1_CancelRotationRequest, _rekey_v1_CancelRotationRequest__Output>
      ConsumerReach: MessageTypeDefinition<_rekey_v1_ConsumerReach, _rekey_v1_ConsumerReach__Output>
      GetAssistantRequest: MessageTypeDefinition<_rekey_v1_GetAssistantRequest, _rekey_v1_GetAssistantRequest__Output>
      GetRotationRequest: MessageTypeDefinition<_rekey_v1_GetRotationRequest, _rekey_v1_GetRotationRequest__Output>
      GetRotationTimelineRequest: MessageTypeDefinition<_rekey_v1_GetRotationTimelineRequest, _rekey_v1_GetRotationTimelineRequest__Output>
      KeyHolder: MessageTypeDefinition<_rekey_v1_KeyHolder, _rekey_v1_KeyHolder__Output>
      KeyVersion: MessageTypeDefinition<_rekey_v1_KeyVersion, _rekey_v1_KeyVersion__Output>
      ListAssistantsRequest: MessageTypeDefinition<_rekey_v1_ListAssistantsRequest, _rekey_v1_ListAssistantsRequest__Output>
      ListAssistantsResponse: MessageTypeDefinition<_rekey_v1_ListAssistantsResponse, _rekey_v1_ListAssistantsResponse__Output>
      ListKeyVersionsRequest: MessageTypeDefinition<_rekey_v1_ListKeyVersionsRequest, _rekey_v1_ListKeyVersionsRequest__Output>
      ListKeyVersionsResponse: MessageTypeDefinition<_rekey_v1_ListKeyVersionsResponse, _rekey_v1_ListKeyVersionsResponse__Output>
      ListOrgsRequest: MessageTypeDefinition<_rekey_v1_ListOrgsRequest, _rekey_v1_ListOrgsRequest__Output>
      ListOrgsResponse: MessageTypeDefinition<_rekey_v1_ListOrgsResponse, _rekey_v1_ListOrgsResponse__Output>
      ListRotationsRequest: MessageTypeDefinition<_rekey_v1_ListRotationsRequest, _rekey_v1_ListRotationsRequest__Output>
      ListRotationsResponse: MessageTypeDefinition<_rekey_v1_ListRotationsResponse, _rekey_v1_ListRotationsResponse__Output>
      Org: MessageTypeDefinition<_rekey_v1_Org, _rekey_v1_Org__Output>
      Reconciliation: MessageTypeDefinition<_rekey_v1_Reconciliation, _rekey_v1_Reconciliation__Output>
      RotateSecretKeyRequest: MessageTypeDefinition<_rekey_v1_RotateSecretKeyRequest, _rekey_v1_RotateSecretKeyRequest__Output>
      Rotation: MessageTypeDefinition<_rekey_v1_Rotation, _rekey_v1_Rotation__Output>
      RotationError: MessageTypeDefinition<_rekey_v1_RotationError, _rekey_v1_RotationError__Output>
      RotationService: SubtypeConstructor<typeof grpc.Client, _rekey_v1_RotationServiceClient> & { service: _rekey_v1_RotationServiceDefinition }
      RotationTimeline: MessageTypeDefinition<_rekey_v1_RotationTimeline, _rekey_v1_RotationTimeline__Output>
      WaitRotationRequest: MessageTypeDefinition<_rekey_v1_WaitRotationRequest, _rekey_v1_WaitRotationRequest__Output>
    }
  }
}

