import type * as grpc from '@grpc/grpc-js';
import type { MessageTypeDefinition } from '@grpc/proto-loader';

import type { Duration as _google_protobuf_Duration, Duration__Output as _google_protobuf_Duration__Output } from './google/protobuf/Duration.ts';
import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from './google/protobuf/Timestamp.ts';
import type { AddConsumerRequest as _rekey_v1_AddConsumerRequest, AddConsumerRequest__Output as _rekey_v1_AddConsumerRequest__Output } from './rekey/v1/AddConsumerRequest.ts';
import type { BulkCounts as _rekey_v1_BulkCounts, BulkCounts__Output as _rekey_v1_BulkCounts__Output } from './rekey/v1/BulkCounts.ts';
import type { BulkEstimate as _rekey_v1_BulkEstimate, BulkEstimate__Output as _rekey_v1_BulkEstimate__Output } from './rekey/v1/BulkEstimate.ts';
import type { BulkFailure as _rekey_v1_BulkFailure, BulkFailure__Output as _rekey_v1_BulkFailure__Output } from './rekey/v1/BulkFailure.ts';
import type { BulkRotation as _rekey_v1_BulkRotation, BulkRotation__Output as _rekey_v1_BulkRotation__Output } from './rekey/v1/BulkRotation.ts';
import type { BulkRotationItem as _rekey_v1_BulkRotationItem, BulkRotationItem__Output as _rekey_v1_BulkRotationItem__Output } from './rekey/v1/BulkRotationItem.ts';
import type { BulkRotationServiceClient as _rekey_v1_BulkRotationServiceClient, BulkRotationServiceDefinition as _rekey_v1_BulkRotationServiceDefinition } from './rekey/v1/BulkRotationService.ts';
import type { BulkStop as _rekey_v1_BulkStop, BulkStop__Output as _rekey_v1_BulkStop__Output } from './rekey/v1/BulkStop.ts';
import type { BulkVerification as _rekey_v1_BulkVerification, BulkVerification__Output as _rekey_v1_BulkVerification__Output } from './rekey/v1/BulkVerification.ts';
import type { Canary as _rekey_v1_Canary, Canary__Output as _rekey_v1_Canary__Output } from './rekey/v1/Canary.ts';
import type { CancelBulkRotationRequest as _rekey_v1_CancelBulkRotationRequest, CancelBulkRotationRequest__Output as _rekey_v1_CancelBulkRotationRequest__Output } from './rekey/v1/CancelBulkRotationRequest.ts';
import type { Consumer as _rekey_v1_Consumer, Consumer__Output as _rekey_v1_Consumer__Output } from './rekey/v1/Consumer.ts';
import type { ConsumerInstance as _rekey_v1_ConsumerInstance, ConsumerInstance__Output as _rekey_v1_ConsumerInstance__Output } from './rekey/v1/ConsumerInstance.ts';
import type { ConsumerReach as _rekey_v1_ConsumerReach, ConsumerReach__Output as _rekey_v1_ConsumerReach__Output } from './rekey/v1/ConsumerReach.ts';
import type { ConsumerServiceClient as _rekey_v1_ConsumerServiceClient, ConsumerServiceDefinition as _rekey_v1_ConsumerServiceDefinition } from './rekey/v1/ConsumerService.ts';
import type { CreateBulkRotationRequest as _rekey_v1_CreateBulkRotationRequest, CreateBulkRotationRequest__Output as _rekey_v1_CreateBulkRotationRequest__Output } from './rekey/v1/CreateBulkRotationRequest.ts';
import type { FailureLimit as _rekey_v1_FailureLimit, FailureLimit__Output as _rekey_v1_FailureLimit__Output } from './rekey/v1/FailureLimit.ts';
import type { GetBulkRotationRequest as _rekey_v1_GetBulkRotationRequest, GetBulkRotationRequest__Output as _rekey_v1_GetBulkRotationRequest__Output } from './rekey/v1/GetBulkRotationRequest.ts';
import type { GetConsumerRequest as _rekey_v1_GetConsumerRequest, GetConsumerRequest__Output as _rekey_v1_GetConsumerRequest__Output } from './rekey/v1/GetConsumerRequest.ts';
import type { GetPublicKeyRequest as _rekey_v1_GetPublicKeyRequest, GetPublicKeyRequest__Output as _rekey_v1_GetPublicKeyRequest__Output } from './rekey/v1/GetPublicKeyRequest.ts';
import type { ListBulkRotationItemsRequest as _rekey_v1_ListBulkRotationItemsRequest, ListBulkRotationItemsRequest__Output as _rekey_v1_ListBulkRotationItemsRequest__Output } from './rekey/v1/ListBulkRotationItemsRequest.ts';
import type { ListBulkRotationItemsResponse as _rekey_v1_ListBulkRotationItemsResponse, ListBulkRotationItemsResponse__Output as _rekey_v1_ListBulkRotationItemsResponse__Output } from './rekey/v1/ListBulkRotationItemsResponse.ts';
import type { ListBulkRotationsRequest as _rekey_v1_ListBulkRotationsRequest, ListBulkRotationsRequest__Output as _rekey_v1_ListBulkRotationsRequest__Output } from './rekey/v1/ListBulkRotationsRequest.ts';
import type { ListBulkRotationsResponse as _rekey_v1_ListBulkRotationsResponse, ListBulkRotationsResponse__Output as _rekey_v1_ListBulkRotationsResponse__Output } from './rekey/v1/ListBulkRotationsResponse.ts';
import type { ListConsumersRequest as _rekey_v1_ListConsumersRequest, ListConsumersRequest__Output as _rekey_v1_ListConsumersRequest__Output } from './rekey/v1/ListConsumersRequest.ts';
import type { ListConsumersResponse as _rekey_v1_ListConsumersResponse, ListConsumersResponse__Output as _rekey_v1_ListConsumersResponse__Output } from './rekey/v1/ListConsumersResponse.ts';
import type { PauseBulkRotationRequest as _rekey_v1_PauseBulkRotationRequest, PauseBulkRotationRequest__Output as _rekey_v1_PauseBulkRotationRequest__Output } from './rekey/v1/PauseBulkRotationRequest.ts';
import type { PublicKey as _rekey_v1_PublicKey, PublicKey__Output as _rekey_v1_PublicKey__Output } from './rekey/v1/PublicKey.ts';
import type { RemoveConsumerRequest as _rekey_v1_RemoveConsumerRequest, RemoveConsumerRequest__Output as _rekey_v1_RemoveConsumerRequest__Output } from './rekey/v1/RemoveConsumerRequest.ts';
import type { RemoveConsumerResponse as _rekey_v1_RemoveConsumerResponse, RemoveConsumerResponse__Output as _rekey_v1_RemoveConsumerResponse__Output } from './rekey/v1/RemoveConsumerResponse.ts';
import type { ResumeBulkRotationRequest as _rekey_v1_ResumeBulkRotationRequest, ResumeBulkRotationRequest__Output as _rekey_v1_ResumeBulkRotationRequest__Output } from './rekey/v1/ResumeBulkRotationRequest.ts';
import type { RetryBulkRotationRequest as _rekey_v1_RetryBulkRotationRequest, RetryBulkRotationRequest__Output as _rekey_v1_RetryBulkRotationRequest__Output } from './rekey/v1/RetryBulkRotationRequest.ts';
import type { SetConsumerOrgsRequest as _rekey_v1_SetConsumerOrgsRequest, SetConsumerOrgsRequest__Output as _rekey_v1_SetConsumerOrgsRequest__Output } from './rekey/v1/SetConsumerOrgsRequest.ts';
import type { UnappliedVersion as _rekey_v1_UnappliedVersion, UnappliedVersion__Output as _rekey_v1_UnappliedVersion__Output } from './rekey/v1/UnappliedVersion.ts';
import type { WatchBulkRotationRequest as _rekey_v1_WatchBulkRotationRequest, WatchBulkRotationRequest__Output as _rekey_v1_WatchBulkRotationRequest__Output } from './rekey/v1/WatchBulkRotationRequest.ts';

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
      BulkCounts: MessageTypeDefinition<_rekey_v1_BulkCounts, _rekey_v1_BulkCounts__Output>
      BulkEstimate: MessageTypeDefinition<_rekey_v1_BulkEstimate, _rekey_v1_BulkEstimate__Output>
      BulkFailure: MessageTypeDefinition<_rekey_v1_BulkFailure, _rekey_v1_BulkFailure__Output>
      BulkRotation: MessageTypeDefinition<_rekey_v1_BulkRotation, _rekey_v1_BulkRotation__Output>
      BulkRotationItem: MessageTypeDefinition<_rekey_v1_BulkRotationItem, _rekey_v1_BulkRotationItem__Output>
      BulkRotationService: SubtypeConstructor<typeof grpc.Client, _rekey_v1_BulkRotationServiceClient> & { service: _rekey_v1_BulkRotationServiceDefinition }
      BulkStop: MessageTypeDefinition<_rekey_v1_BulkStop, _rekey_v1_BulkStop__Output>
      BulkVerification: MessageTypeDefinition<_rekey_v1_BulkVerification, _rekey_v1_BulkVerification__Output>
      Canary: MessageTypeDefinition<_rekey_v1_Canary, _rekey_v1_Canary__Output>
      CancelBulkRotationRequest: MessageTypeDefinition<_rekey_v1_CancelBulkRotationRequest, _rekey_v1_CancelBulkRotationRequest__Output>
      Consumer: MessageTypeDefinition<_rekey_v1_Consumer, _rekey_v1_Consumer__Output>
      ConsumerInstance: MessageTypeDefinition<_rekey_v1_ConsumerInstance, _rekey_v1_ConsumerInstance__Output>
      ConsumerReach: MessageTypeDefinition<_rekey_v1_ConsumerReach, _rekey_v1_ConsumerReach__Output>
      ConsumerService: SubtypeConstructor<typeof grpc.Client, _rekey_v1_ConsumerServiceClient> & { service: _rekey_v1_ConsumerServiceDefinition }
      CreateBulkRotationRequest: MessageTypeDefinition<_rekey_v1_CreateBulkRotationRequest, _rekey_v1_CreateBulkRotationRequest__Output>
      FailureLimit: MessageTypeDefinition<_rekey_v1_FailureLimit, _rekey_v1_FailureLimit__Output>
      GetBulkRotationRequest: MessageTypeDefinition<_rekey_v1_GetBulkRotationRequest, _rekey_v1_GetBulkRotationRequest__Output>
      GetConsumerRequest: MessageTypeDefinition<_rekey_v1_GetConsumerRequest, _rekey_v1_GetConsumerRequest__Output>
      GetPublicKeyRequest: MessageTypeDefinition<_rekey_v1_GetPublicKeyRequest, _rekey_v1_GetPublicKeyRequest__Output>
      ListBulkRotationItemsRequest: MessageTypeDefinition<_rekey_v1_ListBulkRotationItemsRequest, _rekey_v1_ListBulkRotationItemsRequest__Output>
      ListBulkRotationItemsResponse: MessageTypeDefinition<_rekey_v1_ListBulkRotationItemsResponse, _rekey_v1_ListBulkRotationItemsResponse__Output>
      ListBulkRotationsRequest: MessageTypeDefinition<_rekey_v1_ListBulkRotationsRequest, _rekey_v1_ListBulkRotationsRequest__Output>
      ListBulkRotationsResponse: MessageTypeDefinition<_rekey_v1_ListBulkRotationsResponse, _rekey_v1_ListBulkRotationsResponse__Output>
      ListConsumersRequest: MessageTypeDefinition<_rekey_v1_ListConsumersRequest, _rekey_v1_ListConsumersRequest__Output>
      ListConsumersResponse: MessageTypeDefinition<_rekey_v1_ListConsumersResponse, _rekey_v1_ListConsumersResponse__Output>
      PauseBulkRotationRequest: MessageTypeDefinition<_rekey_v1_PauseBulkRotationRequest, _rekey_v1_PauseBulkRotationRequest__Output>
      PublicKey: MessageTypeDefinition<_rekey_v1_PublicKey, _rekey_v1_PublicKey__Output>
      RemoveConsumerRequest: MessageTypeDefinition<_rekey_v1_RemoveConsumerRequest, _rekey_v1_RemoveConsumerRequest__Output>
      RemoveConsumerResponse: MessageTypeDefinition<_rekey_v1_RemoveConsumerResponse, _rekey_v1_RemoveConsumerResponse__Output>
      ResumeBulkRotationRequest: MessageTypeDefinition<_rekey_v1_ResumeBulkRotationRequest, _rekey_v1_ResumeBulkRotationRequest__Output>
      RetryBulkRotationRequest: MessageTypeDefinition<_rekey_v1_RetryBulkRotationRequest, _rekey_v1_RetryBulkRotationRequest__Output>
      SetConsumerOrgsRequest: MessageTypeDefinition<_rekey_v1_SetConsumerOrgsRequest, _rekey_v1_SetConsumerOrgsRequest__Output>
      UnappliedVersion: MessageTypeDefinition<_rekey_v1_UnappliedVersion, _rekey_v1_UnappliedVersion__Output>
      WatchBulkRotationRequest: MessageTypeDefinition<_rekey_v1_WatchBulkRotationRequest, _rekey_v1_WatchBulkRotationRequest__Output>
    }
  }
}

