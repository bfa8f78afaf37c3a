import type * as grpc from '@grpc/grpc-js';
import type { MessageTypeDefinition } from '@grpc/proto-loader';

import type { Duration as _google_protobuf_Duration, Duration__Output as _google_protobuf_Duration__Output } from './google/protobuf/Duration.ts';
import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from './google/protobuf/Timestamp.ts';
import type { AddConsumerRequest as _rekey_v1_AddConsumerRequest, AddConsumerRequest__Output as _rekey_v1_AddConsumerRequest__Output } from './rekey/v1/AddConsumerRequest.ts';
import type { Consumer as _rekey_v1_Consumer, Consumer__Output as _rekey_v1_Consumer__Output } from './rekey/v1/Consumer.ts';
import type { ConsumerInstance as _rekey_v1_ConsumerInstance, ConsumerInstance__Output as _rekey_v1_ConsumerInstance__Output } from './rekey/v1/ConsumerInstance.ts';
import type { ConsumerServiceClient as _rekey_v1_ConsumerServiceClient, ConsumerServiceDefinition as _rekey_v1_ConsumerServiceDefinition } from './rekey/v1/ConsumerService.ts';
import type { GetConsumerRequest as _rekey_v1_GetConsumerRequest, GetConsumerRequest__Output as _rekey_v1_GetConsumerRequest__Output } from './rekey/v1/GetConsumerRequest.ts';
import type { GetPublicKeyRequest as _rekey_v1_GetPublicKeyRequest, GetPublicKeyRequest__Output as _rekey_v1_GetPublicKeyRequest__Output } from './rekey/v1/GetPublicKeyRequest.ts';
import type { GetRegistryRequest as _rekey_v1_GetRegistryRequest, GetRegistryRequest__Output as _rekey_v1_GetRegistryRequest__Output } from './rekey/v1/GetRegistryRequest.ts';
import type { ListConsumersRequest as _rekey_v1_ListConsumersRequest, ListConsumersRequest__Output as _rekey_v1_ListConsumersRequest__Output } from './rekey/v1/ListConsumersRequest.ts';
import type { ListConsumersResponse as _rekey_v1_ListConsumersResponse, ListConsumersResponse__Output as _rekey_v1_ListConsumersResponse__Output } from './rekey/v1/ListConsumersResponse.ts';
import type { PublicKey as _rekey_v1_PublicKey, PublicKey__Output as _rekey_v1_PublicKey__Output } from './rekey/v1/PublicKey.ts';
import type { Registry as _rekey_v1_Registry, Registry__Output as _rekey_v1_Registry__Output } from './rekey/v1/Registry.ts';
import type { RegistryReview as _rekey_v1_RegistryReview, RegistryReview__Output as _rekey_v1_RegistryReview__Output } from './rekey/v1/RegistryReview.ts';
import type { RemoveConsumerRequest as _rekey_v1_RemoveConsumerRequest, RemoveConsumerRequest__Output as _rekey_v1_RemoveConsumerRequest__Output } from './rekey/v1/RemoveConsumerRequest.ts';
import type { RemoveConsumerResponse as _rekey_v1_RemoveConsumerResponse, RemoveConsumerResponse__Output as _rekey_v1_RemoveConsumerResponse__Output } from './rekey/v1/RemoveConsumerResponse.ts';
import type { ReviewRegistryRequest as _rekey_v1_ReviewRegistryRequest, ReviewRegistryRequest__Output as _rekey_v1_ReviewRegistryRequest__Output } from './rekey/v1/ReviewRegistryRequest.ts';
import type { ReviewedConsumer as _rekey_v1_ReviewedConsumer, ReviewedConsumer__Output as _rekey_v1_ReviewedConsumer__Output } from './rekey/v1/ReviewedConsumer.ts';
import type { SetConsumerOrgsRequest as _rekey_v1_SetConsumerOrgsRequest, SetConsumerOrgsRequest__Output as _rekey_v1_SetConsumerOrgsRequest__Output } from './rekey/v1/SetConsumerOrgsRequest.ts';
import type { TrustRegistryRequest as _rekey_v1_TrustRegistryRequest, TrustRegistryRequest__Output as _rekey_v1_TrustRegistryRequest__Output } from './rekey/v1/TrustRegistryRequest.ts';
import type { TrustedConsumer as _rekey_v1_TrustedConsumer, TrustedConsumer__Output as _rekey_v1_TrustedConsumer__Output } from './rekey/v1/TrustedConsumer.ts';
import type { UnappliedVersion as _rekey_v1_UnappliedVersion, UnappliedVersion__Output as _rekey_v1_UnappliedVersion__Output } from './rekey/v1/UnappliedVersion.ts';

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
      Consumer: MessageTypeDefinition<_rekey_v1_Consumer, _rekey_v1_Consumer__Output>
      ConsumerInstance: MessageTypeDefinition<_rekey_v1_ConsumerInstance, _rekey_v1_ConsumerInstance__Output>
      ConsumerService: SubtypeConstructor<typeof grpc.Client, _rekey_v1_ConsumerServiceClient> & { service: _rekey_v1_ConsumerServiceDefinition }
      GetConsumerRequest: MessageTypeDefinition<_rekey_v1_GetConsumerRequest, _rekey_v1_GetConsumerRequest__Output>
      GetPublicKeyRequest: MessageTypeDefinition<_rekey_v1_GetPublicKeyRequest, _rekey_v1_GetPublicKeyRequest__Output>
      GetRegistryRequest: MessageTypeDefinition<_rekey_v1_GetRegistryRequest, _rekey_v1_GetRegistryRequest__Output>
      ListConsumersRequest: MessageTypeDefinition<_rekey_v1_ListConsumersRequest, _rekey_v1_ListConsumersRequest__Output>
      ListConsumersResponse: MessageTypeDefinition<_rekey_v1_ListConsumersResponse, _rekey_v1_ListConsumersResponse__Output>
      PublicKey: MessageTypeDefinition<_rekey_v1_PublicKey, _rekey_v1_PublicKey__Output>
      Registry: MessageTypeDefinition<_rekey_v1_Registry, _rekey_v1_Registry__Output>
      RegistryReview: MessageTypeDefinition<_rekey_v1_RegistryReview, _rekey_v1_RegistryReview__Output>
      RemoveConsumerRequest: MessageTypeDefinition<_rekey_v1_RemoveConsumerRequest, _rekey_v1_RemoveConsumerRequest__Output>
      RemoveConsumerResponse: MessageTypeDefinition<_rekey_v1_RemoveConsumerResponse, _rekey_v1_RemoveConsumerResponse__Output>
      ReviewRegistryRequest: MessageTypeDefinition<_rekey_v1_ReviewRegistryRequest, _rekey_v1_ReviewRegistryRequest__Output>
      ReviewedConsumer: MessageTypeDefinition<_rekey_v1_ReviewedConsumer, _rekey_v1_ReviewedConsumer__Output>
      SetConsumerOrgsRequest: MessageTypeDefinition<_rekey_v1_SetConsumerOrgsRequest, _rekey_v1_SetConsumerOrgsRequest__Output>
      TrustRegistryRequest: MessageTypeDefinition<_rekey_v1_TrustRegistryRequest, _rekey_v1_TrustRegistryRequest__Output>
      TrustedConsumer: MessageTypeDefinition<_rekey_v1_TrustedConsumer, _rekey_v1_TrustedConsumer__Output>
      UnappliedVersion: MessageTypeDefinition<_rekey_v1_UnappliedVersion, _rekey_v1_UnappliedVersion__Output>
    }
  }
}

