import type * as grpc from '@grpc/grpc-js';
import type { MessageTypeDefinition } from '@grpc/proto-loader';

import type { Duration as _google_protobuf_Duration, Duration__Output as _google_protobuf_Duration__Output } from './google/protobuf/Duration.ts';
import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from './google/protobuf/Timestamp.ts';
import type { AddConsumerRequest as _rekey_v1_AddConsumerRequest, AddConsumerRequest__Output as _rekey_v1_AddConsumerRequest__Output } from './rekey/v1/AddConsumerRequest.ts';
import type { CancelRotationRequest as _rekey_v1_CancelRotationRequest, CancelRotationRequest__Output as _rekey_v1_CancelRotationRequest__Output } from './rekey/v1/CancelRotationRequest.ts';
import type { Consumer as _rekey_v1_Consumer, Consumer__Output as _rekey_v1_Consumer__Output } from './rekey/v1/Consumer.ts';
import type { ConsumerInstance as _rekey_v1_ConsumerInstance, ConsumerInstance__Output as _rekey_v1_ConsumerInstance__Output } from './rekey/v1/ConsumerInstance.ts';
import type { ConsumerReach as _rekey_v1_ConsumerReach, ConsumerReach__Output as _rekey_v1_ConsumerReach__Output } from './rekey/v1/ConsumerReach.ts';
import type { ConsumerServiceClient as _rekey_v1_ConsumerServiceClient, ConsumerServiceDefinition as _rekey_v1_ConsumerServiceDefinition } from './rekey/v1/ConsumerService.ts';
import type { GetConsumerRequest as _rekey_v1_GetConsumerRequest, GetConsumerRequest__Output as _rekey_v1_GetConsumerRequest__Output } from './rekey/v1/GetConsumerRequest.ts';
import type { GetPublicKeyRequest as _rekey_v1_GetPublicKeyRequest, GetPublicKeyRequest__Output as _rekey_v1_GetPublicKeyRequest__Output } from './rekey/v1/GetPublicKeyRequest.ts';
import type { GetRotationRequest as _rekey_v1_GetRotationRequest, GetRotationRequest__Output as _rekey_v1_GetRotationRequest__Output } from './rekey/v1/GetRotationRequest.ts';
import type { ListConsumersRequest as _rekey_v1_ListConsumersRequest, ListConsumersRequest__Output as _rekey_v1_ListConsumersRequest__Output } from './rekey/v1/ListConsumersRequest.ts';
import type { ListConsumersResponse as _rekey_v1_ListConsumersResponse, ListConsumersResponse__Output as _rekey_v1_ListConsumersResponse__Output } from './rekey/v1/ListConsumersResponse.ts';
import type { ListRotationsRequest as _rekey_v1_ListRotationsRequest, ListRotationsRequest__Output as _rekey_v1_ListRotationsRequest__Output } from './rekey/v1/ListRotationsRequest.ts';
import type { ListRotationsResponse as _rekey_v1_ListRotationsResponse, ListRotationsResponse__Output as _rekey_v1_ListRotationsResponse__Output } from './rekey/v1/ListRotationsResponse.ts';
import type { PublicKey as _rekey_v1_PublicKey, PublicKey__Output as _rekey_v1_PublicKey__Output } from './rekey/v1/PublicKey.ts';
import type { Reconciliation as _rekey_v1_Reconciliation, Reconciliation__Output as _rekey_v1_Reconciliation__Output } from './rekey/v1/Reconciliation.ts';
import type { RemoveConsumerRequest as _rekey_v1_RemoveConsumerRequest, RemoveConsumerRequest__Output as _rekey_v1_RemoveConsumerRequest__Output } from './rekey/v1/RemoveConsumerRequest.ts';
import type { RemoveConsumerResponse as _rekey_v1_RemoveConsumerResponse, RemoveConsumerResponse__Output as _rekey_v1_RemoveConsumerResponse__Output } from './rekey/v1/RemoveConsumerResponse.ts';
import type { RotateSecretKeyRequest as _rekey_v1_RotateSecretKeyRequest, RotateSecretKeyRequest__Output as _rekey_v1_RotateSecretKeyRequest__Output } from './rekey/v1/RotateSecretKeyRequest.ts';
import type { Rotation as _rekey_v1_Rotation, Rotation__Output as _rekey_v1_Rotation__Output } from './rekey/v1/Rotation.ts';
import type { RotationError as _rekey_v1_RotationError, RotationError__Output as _rekey_v1_RotationError__Output } from './rekey/v1/RotationError.ts';
import type { RotationServiceClient as _rekey_v1_RotationServiceClient, RotationServiceDefinition as _rekey_v1_RotationServiceDefinition } from './rekey/v1/RotationService.ts';
import type { SetConsumerOrgsRequest as _rekey_v1_SetConsumerOrgsRequest, SetConsumerOrgsRequest__Output as _rekey_v1_SetConsumerOrgsRequest__Output } from './rekey/v1/SetConsumerOrgsRequest.ts';
import type { UnappliedVersion as _rekey_v1_UnappliedVersion, UnappliedVersion__Output as _rekey_v1_UnappliedVersion__Output } from './rekey/v1/UnappliedVersion.ts';
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
      AddConsumerRequest: MessageTypeDefinition<_rekey_v1_AddConsumerRequest, _rekey_v1_AddConsumerRequest__Output>
      CancelRotationRequest: MessageTypeDefinition<_rekey_v1_CancelRotationRequest, _rekey_v1_CancelRotationRequest__Output>
      Consumer: MessageTypeDefinition<_rekey_v1_Consumer, _rekey_v1_Consumer__Output>
      ConsumerInstance: MessageTypeDefinition<_rekey_v1_ConsumerInstance, _rekey_v1_ConsumerInstance__Output>
      ConsumerReach: MessageTypeDefinition<_rekey_v1_ConsumerReach, _rekey_v1_ConsumerReach__Output>
      ConsumerService: SubtypeConstructor<typeof grpc.Client, _rekey_v1_ConsumerServiceClient> & { service: _rekey_v1_ConsumerServiceDefinition }
      GetConsumerRequest: MessageTypeDefinition<_rekey_v1_GetConsumerRequest, _rekey_v1_GetConsumerRequest__Output>
      GetPublicKeyRequest: MessageTypeDefinition<_rekey_v1_GetPublicKeyRequest, _rekey_v1_GetPublicKeyRequest__Output>
      GetRotationRequest: MessageTypeDefinition<_rekey_v1_GetRotationRequest, _rekey_v1_GetRotationRequest__Output>
      ListConsumersRequest: MessageTypeDefinition<_rekey_v1_ListConsumersRequest, _rekey_v1_ListConsumersRequest__Output>
      ListConsumersResponse: MessageTypeDefinition<_rekey_v1_ListConsumersResponse, _rekey_v1_ListConsumersResponse__Output>
      ListRotationsRequest: MessageTypeDefinition<_rekey_v1_ListRotationsRequest, _rekey_v1_ListRotationsRequest__Output>
      ListRotationsResponse: MessageTypeDefinition<_rekey_v1_ListRotationsResponse, _rekey_v1_ListRotationsResponse__Output>
      PublicKey: MessageTypeDefinition<_rekey_v1_PublicKey, _rekey_v1_PublicKey__Output>
      Reconciliation: MessageTypeDefinition<_rekey_v1_Reconciliation, _rekey_v1_Reconciliation__Output>
      RemoveConsumerRequest: MessageTypeDefinition<_rekey_v1_RemoveConsumerRequest, _rekey_v1_RemoveConsumerRequest__Output>
      RemoveConsumerResponse: MessageTypeDefinition<_rekey_v1_RemoveConsumerResponse, _rekey_v1_RemoveConsumerResponse__Output>
      RotateSecretKeyRequest: MessageTypeDefinition<_rekey_v1_RotateSecretKeyRequest, _rekey_v1_RotateSecretKeyRequest__Output>
      Rotation: MessageTypeDefinition<_rekey_v1_Rotation, _rekey_v1_Rotation__Output>
      RotationError: MessageTypeDefinition<_rekey_v1_RotationError, _rekey_v1_RotationError__Output>
      RotationService: SubtypeConstructor<typeof grpc.Client, _rekey_v1_RotationServiceClient> & { service: _rekey_v1_RotationServiceDefinition }
      SetConsumerOrgsRequest: MessageTypeDefinition<_rekey_v1_SetConsumerOrgsRequest, _rekey_v1_SetConsumerOrgsRequest__Output>
      UnappliedVersion: MessageTypeDefinition<_rekey_v1_UnappliedVersion, _rekey_v1_UnappliedVersion__Output>
      WaitRotationRequest: MessageTypeDefinition<_rekey_v1_WaitRotationRequest, _rekey_v1_WaitRotationRequest__Output>
    }
  }
}

