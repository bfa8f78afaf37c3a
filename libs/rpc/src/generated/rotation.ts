import type * as grpc from '@grpc/grpc-js';
import type { MessageTypeDefinition } from '@grpc/proto-loader';

import type { Duration as _google_protobuf_Duration, Duration__Output as _google_protobuf_Duration__Output } from './google/protobuf/Duration.ts';
import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from './google/protobuf/Timestamp.ts';
import type { CancelRotationRequest as _rekey_v1_CancelRotationRequest, CancelRotationRequest__Output as _rekey_v1_CancelRotationRequest__Output } from './rekey/v1/CancelRotationRequest.ts';
import type { ConsumerReach as _rekey_v1_ConsumerReach, ConsumerReach__Output as _rekey_v1_ConsumerReach__Output } from './rekey/v1/ConsumerReach.ts';
import type { GetRotationRequest as _rekey_v1_GetRotationRequest, GetRotationRequest__Output as _rekey_v1_GetRotationRequest__Output } from './rekey/v1/GetRotationRequest.ts';
import type { GetRotationTimelineRequest as _rekey_v1_GetRotationTimelineRequest, GetRotationTimelineRequest__Output as _rekey_v1_GetRotationTimelineRequest__Output } from './rekey/v1/GetRotationTimelineRequest.ts';
import type { ListRotationsRequest as _rekey_v1_ListRotationsRequest, ListRotationsRequest__Output as _rekey_v1_ListRotationsRequest__Output } from './rekey/v1/ListRotationsRequest.ts';
import type { ListRotationsResponse as _rekey_v1_ListRotationsResponse, ListRotationsResponse__Output as _rekey_v1_ListRotationsResponse__Output } from './rekey/v1/ListRotationsResponse.ts';
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
      CancelRotationRequest: MessageTypeDefinition<_rekey_v1_CancelRotationRequest, _rekey_v1_CancelRotationRequest__Output>
      ConsumerReach: MessageTypeDefinition<_rekey_v1_ConsumerReach, _rekey_v1_ConsumerReach__Output>
      GetRotationRequest: MessageTypeDefinition<_rekey_v1_GetRotationRequest, _rekey_v1_GetRotationRequest__Output>
      GetRotationTimelineRequest: MessageTypeDefinition<_rekey_v1_GetRotationTimelineRequest, _rekey_v1_GetRotationTimelineRequest__Output>
      ListRotationsRequest: MessageTypeDefinition<_rekey_v1_ListRotationsRequest, _rekey_v1_ListRotationsRequest__Output>
      ListRotationsResponse: MessageTypeDefinition<_rekey_v1_ListRotationsResponse, _rekey_v1_ListRotationsResponse__Output>
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

