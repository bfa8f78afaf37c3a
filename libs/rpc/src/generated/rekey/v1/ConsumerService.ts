// Original file: ../../proto/rekey/v1/consumer.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { AddConsumerRequest as _rekey_v1_AddConsumerRequest, AddConsumerRequest__Output as _rekey_v1_AddConsumerRequest__Output } from '../../rekey/v1/AddConsumerRequest.ts';
import type { Consumer as _rekey_v1_Consumer, Consumer__Output as _rekey_v1_Consumer__Output } from '../../rekey/v1/Consumer.ts';
import type { GetConsumerRequest as _rekey_v1_GetConsumerRequest, GetConsumerRequest__Output as _rekey_v1_GetConsumerRequest__Output } from '../../rekey/v1/GetConsumerRequest.ts';
import type { GetPublicKeyRequest as _rekey_v1_GetPublicKeyRequest, GetPublicKeyRequest__Output as _rekey_v1_GetPublicKeyRequest__Output } from '../../rekey/v1/GetPublicKeyRequest.ts';
import type { GetRegistryRequest as _rekey_v1_GetRegistryRequest, GetRegistryRequest__Output as _rekey_v1_GetRegistryRequest__Output } from '../../rekey/v1/GetRegistryRequest.ts';
import type { ListConsumersRequest as _rekey_v1_ListConsumersRequest, ListConsumersRequest__Output as _rekey_v1_ListConsumersRequest__Output } from '../../rekey/v1/ListConsumersRequest.ts';
import type { ListConsumersResponse as _rekey_v1_ListConsumersResponse, ListConsumersResponse__Output as _rekey_v1_ListConsumersResponse__Output } from '../../rekey/v1/ListConsumersResponse.ts';
import type { PublicKey as _rekey_v1_PublicKey, PublicKey__Output as _rekey_v1_PublicKey__Output } from '../../rekey/v1/PublicKey.ts';
import type { Registry as _rekey_v1_Registry, Registry__Output as _rekey_v1_Registry__Output } from '../../rekey/v1/Registry.ts';
import type { RegistryReview as _rekey_v1_RegistryReview, RegistryReview__Output as _rekey_v1_RegistryReview__Output } from '../../rekey/v1/RegistryReview.ts';
import type { RemoveConsumerRequest as _rekey_v1_RemoveConsumerRequest, RemoveConsumerRequest__Output as _rekey_v1_RemoveConsumerRequest__Output } from '../../rekey/v1/RemoveConsumerRequest.ts';
import type { RemoveConsumerResponse as _rekey_v1_RemoveConsumerResponse, RemoveConsumerResponse__Output as _rekey_v1_RemoveConsumerResponse__Output } from '../../rekey/v1/RemoveConsumerResponse.ts';
import type { ReviewRegistryRequest as _rekey_v1_ReviewRegistryRequest, ReviewRegistryRequest__Output as _rekey_v1_ReviewRegistryRequest__Output } from '../../rekey/v1/ReviewRegistryRequest.ts';
import type { SetConsumerOrgsRequest as _rekey_v1_SetConsumerOrgsRequest, SetConsumerOrgsRequest__Output as _rekey_v1_SetConsumerOrgsRequest__Output } from '../../rekey/v1/SetConsumerOrgsRequest.ts';
import type { TrustRegistryRequest as _rekey_v1_TrustRegistryRequest, TrustRegistryRequest__Output as _rekey_v1_TrustRegistryRequest__Output } from '../../rekey/v1/TrustRegistryRequest.ts';

export interface ConsumerServiceClient extends grpc.Client {
  AddConsumer(argument: _rekey_v1_AddConsumerRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_Consumer__Output>): grpc.ClientUnaryCall;
  AddConsumer(argument: _rekey_v1_AddConsumerRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_rekey_v1_Consumer__Output>): grpc.ClientUnaryCall;
  AddConsumer(argument: _rekey_v1_AddConsumerRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_Consumer__Output>): grpc.ClientUnaryCall;
  AddConsumer(argument: _rekey_v1_AddConsumerRequest, callback: grpc.requestCallback<_rekey_v1_Consumer__Output>): grpc.ClientUnaryCall;
  addConsumer(argument: _rekey_v1_AddConsumerRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_Consumer__Output>): grpc.ClientUnaryCall;
  addConsumer(argument: _rekey_v1_AddConsumerRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_rekey_v1_Consumer__Output>): grpc.ClientUnaryCall;
  addConsumer(argument: _rekey_v1_AddConsumerRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_Consumer__Output>): grpc.ClientUnaryCall;
  addConsumer(argument: _rekey_v1_AddConsumerRequest, callback: grpc.requestCallback<_rekey_v1_Consumer__Output>): grpc.ClientUnaryCall;
  
  GetConsumer(argument: _rekey_v1_GetConsumerRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_Consumer__Output>): grpc.ClientUnaryCall;
  GetConsumer(argument: _rekey_v1_GetConsumerRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_rekey_v1_Consumer__Output>): grpc.ClientUnaryCall;
  GetConsumer(argument: _rekey_v1_GetConsumerRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_Consumer__Output>): grpc.ClientUnaryCall;
  GetConsumer(argument: _rekey_v1_GetConsumerRequest, callback: grpc.requestCallback<_rekey_v1_Consumer__Output>): grpc.ClientUnaryCall;
  getConsumer(argument: _rekey_v1_GetConsumerRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_Consumer__Output>): grpc.ClientUnaryCall;
  getConsumer(argument: _rekey_v1_GetConsumerRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_rekey_v1_Consumer__Output>): grpc.ClientUnaryCall;
  getConsumer(argument: _rekey_v1_GetConsumerRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_Consumer__Output>): grpc.ClientUnaryCall;
  getConsumer(argument: _rekey_v1_GetConsumerRequest, callback: grpc.requestCallback<_rekey_v1_Consumer__Output>): grpc.ClientUnaryCall;
  
  GetPublicKey(argument: _rekey_v1_GetPublicKeyRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_PublicKey__Output>): grpc.ClientUnaryCall;
  GetPublicKey(argument: _rekey_v1_GetPublicKeyRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_rekey_v1_PublicKey__Output>): grpc.ClientUnaryCall;
  GetPublicKey(argument: _rekey_v1_GetPublicKeyRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_PublicKey__Output>): grpc.ClientUnaryCall;
  GetPublicKey(argument: _rekey_v1_GetPublicKeyRequest, callback: grpc.requestCallback<_rekey_v1_PublicKey__Output>): grpc.ClientUnaryCall;
  getPublicKey(argument: _rekey_v1_GetPublicKeyRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_PublicKey__Output>): grpc.ClientUnaryCall;
  getPublicKey(argument: _rekey_v1_GetPublicKeyRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_rekey_v1_PublicKey__Output>): grpc.ClientUnaryCall;
  getPublicKey(argument: _rekey_v1_GetPublicKeyRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_PublicKey__Output>): grpc.ClientUnaryCall;
  getPublicKey(argument: _rekey_v1_GetPublicKeyRequest, callback: grpc.requestCallback<_rekey_v1_PublicKey__Output>): grpc.ClientUnaryCall;
  
  GetRegistry(argument: _rekey_v1_GetRegistryRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_Registry__Output>): grpc.ClientUnaryCall;
  GetRegistry(argument: _rekey_v1_GetRegistryRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_rekey_v1_Registry__Output>): grpc.ClientUnaryCall;
  GetRegistry(argument: _rekey_v1_GetRegistryRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_Registry__Output>): grpc.ClientUnaryCall;
  GetRegistry(argument: _rekey_v1_GetRegistryRequest, callback: grpc.requestCallback<_rekey_v1_Registry__Output>): grpc.ClientUnaryCall;
  getRegistry(argument: _rekey_v1_GetRegistryRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_Registry__Output>): grpc.ClientUnaryCall;
  getRegistry(argument: _rekey_v1_GetRegistryRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_rekey_v1_Registry__Output>): grpc.ClientUnaryCall;
  getRegistry(argument: _rekey_v1_GetRegistryRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_Registry__Output>): grpc.ClientUnaryCall;
  getRegistry(argument: _rekey_v1_GetRegistryRequest, callback: grpc.requestCallback<_rekey_v1_Registry__Output>): grpc.ClientUnaryCall;
  
  ListConsumers(argument: _rekey_v1_ListConsumersRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_ListConsumersResponse__Output>): grpc.ClientUnaryCall;
  ListConsumers(argument: _rekey_v1_ListConsumersRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_rekey_v1_ListConsumersResponse__Output>): grpc.ClientUnaryCall;
  ListConsumers(argument: _rekey_v1_ListConsumersRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_ListConsumersResponse__Output>): grpc.ClientUnaryCall;
  ListConsumers(argument: _rekey_v1_ListConsumersRequest, callback: grpc.requestCallback<_rekey_v1_ListConsumersResponse__Output>): grpc.ClientUnaryCall;
  listConsumers(argument: _rekey_v1_ListConsumersRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_ListConsumersResponse__Output>): grpc.ClientUnaryCall;
  listConsumers(argument: _rekey_v1_ListConsumersRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_rekey_v1_ListConsumersResponse__Output>): grpc.ClientUnaryCall;
  listConsumers(argument: _rekey_v1_ListConsumersRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_ListConsumersResponse__Output>): grpc.ClientUnaryCall;
  listConsumers(argument: _rekey_v1_ListConsumersRequest, callback: grpc.requestCallback<_rekey_v1_ListConsumersResponse__Output>): grpc.ClientUnaryCall;
  
  RemoveConsumer(argument: _rekey_v1_RemoveConsumerRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_RemoveConsumerResponse__Output>): grpc.ClientUnaryCall;
  RemoveConsumer(argument: _rekey_v1_RemoveConsumerRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_rekey_v1_RemoveConsumerResponse__Output>): grpc.ClientUnaryCall;
  RemoveConsumer(argument: _rekey_v1_RemoveConsumerRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_RemoveConsumerResponse__Output>): grpc.ClientUnaryCall;
  RemoveConsumer(argument: _rekey_v1_RemoveConsumerRequest, callback: grpc.requestCallback<_rekey_v1_RemoveConsumerResponse__Output>): grpc.ClientUnaryCall;
  removeConsumer(argument: _rekey_v1_RemoveConsumerRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_RemoveConsumerResponse__Output>): grpc.ClientUnaryCall;
  removeConsumer(argument: _rekey_v1_RemoveConsumerRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_rekey_v1_RemoveConsumerResponse__Output>): grpc.ClientUnaryCall;
  removeConsumer(argument: _rekey_v1_RemoveConsumerRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_RemoveConsumerResponse__Output>): grpc.ClientUnaryCall;
  removeConsumer(argument: _rekey_v1_RemoveConsumerRequest, callback: grpc.requestCallback<_rekey_v1_RemoveConsumerResponse__Output>): grpc.ClientUnaryCall;
  
  ReviewRegistry(argument: _rekey_v1_ReviewRegistryRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_RegistryReview__Output>): grpc.ClientUnaryCall;
  ReviewRegistry(argument: _rekey_v1_ReviewRegistryRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_rekey_v1_RegistryReview__Output>): grpc.ClientUnaryCall;
  ReviewRegistry(argument: _rekey_v1_ReviewRegistryRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_RegistryReview__Output>): grpc.ClientUnaryCall;
  ReviewRegistry(argument: _rekey_v1_ReviewRegistryRequest, callback: grpc.requestCallback<_rekey_v1_RegistryReview__Output>): grpc.ClientUnaryCall;
  reviewRegistry(argument: _rekey_v1_ReviewRegistryRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_RegistryReview__Output>): grpc.ClientUnaryCall;
  reviewRegistry(argument: _rekey_v1_ReviewRegistryRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_rekey_v1_RegistryReview__Output>): grpc.ClientUnaryCall;
  reviewRegistry(argument: _rekey_v1_ReviewRegistryRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_RegistryReview__Output>): grpc.ClientUnaryCall;
  reviewRegistry(argument: _rekey_v1_ReviewRegistryRequest, callback: grpc.requestCallback<_rekey_v1_RegistryReview__Output>): grpc.ClientUnaryCall;
  
  SetConsumerOrgs(argument: _rekey_v1_SetConsumerOrgsRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_Consumer__Output>): grpc.ClientUnaryCall;
  SetConsumerOrgs(argument: _rekey_v1_SetConsumerOrgsRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_rekey_v1_Consumer__Output>): grpc.ClientUnaryCall;
  SetConsumerOrgs(argument: _rekey_v1_SetConsumerOrgsRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_Consumer__Output>): grpc.ClientUnaryCall;
  SetConsumerOrgs(argument: _rekey_v1_SetConsumerOrgsRequest, callback: grpc.requestCallback<_rekey_v1_Consumer__Output>): grpc.ClientUnaryCall;
  setConsumerOrgs(argument: _rekey_v1_SetConsumerOrgsRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_Consumer__Output>): grpc.ClientUnaryCall;
  setConsumerOrgs(argument: _rekey_v1_SetConsumerOrgsRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_rekey_v1_Consumer__Output>): grpc.ClientUnaryCall;
  setConsumerOrgs(argument: _rekey_v1_SetConsumerOrgsRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_Consumer__Output>): grpc.ClientUnaryCall;
  setConsumerOrgs(argument: _rekey_v1_SetConsumerOrgsRequest, callback: grpc.requestCallback<_rekey_v1_Consumer__Output>): grpc.ClientUnaryCall;
  
  TrustRegistry(argument: _rekey_v1_TrustRegistryRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_Registry__Output>): grpc.ClientUnaryCall;
  TrustRegistry(argument: _rekey_v1_TrustRegistryRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_rekey_v1_Registry__Output>): grpc.ClientUnaryCall;
  TrustRegistry(argument: _rekey_v1_TrustRegistryRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_Registry__Output>): grpc.ClientUnaryCall;
  TrustRegistry(argument: _rekey_v1_TrustRegistryRequest, callback: grpc.requestCallback<_rekey_v1_Registry__Output>): grpc.ClientUnaryCall;
  trustRegistry(argument: _rekey_v1_TrustRegistryRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_Registry__Output>): grpc.ClientUnaryCall;
  trustRegistry(argument: _rekey_v1_TrustRegistryRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_rekey_v1_Registry__Output>): grpc.ClientUnaryCall;
  trustRegistry(argument: _rekey_v1_TrustRegistryRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_Registry__Output>): grpc.ClientUnaryCall;
  trustRegistry(argument: _rekey_v1_TrustRegistryRequest, callback: grpc.requestCallback<_rekey_v1_Registry__Output>): grpc.ClientUnaryCall;
  
}

export interface ConsumerServiceHandlers extends grpc.UntypedServiceImplementation {
  AddConsumer: grpc.handleUnaryCall<_rekey_v1_AddConsumerRequest__Output, _rekey_v1_Consumer>;
  
  GetConsumer: grpc.handleUnaryCall<_rekey_v1_GetConsumerRequest__Output, _rekey_v1_Consumer>;
  
  GetPublicKey: grpc.handleUnaryCall<_rekey_v1_GetPublicKeyRequest__Output, _rekey_v1_PublicKey>;
  
  GetRegistry: grpc.handleUnaryCall<_rekey_v1_GetRegistryRequest__Output, _rekey_v1_Registry>;
  
  ListConsumers: grpc.handleUnaryCall<_rekey_v1_ListConsumersRequest__Output, _rekey_v1_ListConsumersResponse>;
  
  RemoveConsumer: grpc.handleUnaryCall<_rekey_v1_RemoveConsumerRequest__Output, _rekey_v1_RemoveConsumerResponse>;
  
  ReviewRegistry: grpc.handleUnaryCall<_rekey_v1_ReviewRegistryRequest__Output, _rekey_v1_RegistryReview>;
  
  SetConsumerOrgs: grpc.handleUnaryCall<_rekey_v1_SetConsumerOrgsRequest__Output, _rekey_v1_Consumer>;
  
  TrustRegistry: grpc.handleUnaryCall<_rekey_v1_TrustRegistryRequest__Output, _rekey_v1_Registry>;
  
}

export interface ConsumerServiceDefinition extends grpc.ServiceDefinition {
  AddConsumer: MethodDefinition<_rekey_v1_AddConsumerRequest, _rekey_v1_Consumer, _rekey_v1_AddConsumerRequest__Output, _rekey_v1_Consumer__Output>
  GetConsumer: MethodDefinition<_rekey_v1_GetConsumerRequest, _rekey_v1_Consumer, _rekey_v1_GetConsumerRequest__Output, _rekey_v1_Consumer__Output>
  GetPublicKey: MethodDefinition<_rekey_v1_GetPublicKeyRequest, _rekey_v1_PublicKey, _rekey_v1_GetPublicKeyRequest__Output, _rekey_v1_PublicKey__Output>
  GetRegistry: MethodDefinition<_rekey_v1_GetRegistryRequest, _rekey_v1_Registry, _rekey_v1_GetRegistryRequest__Output, _rekey_v1_Registry__Output>
  ListConsumers: MethodDefinition<_rekey_v1_ListConsumersRequest, _rekey_v1_ListConsumersResponse, _rekey_v1_ListConsumersRequest__Output, _rekey_v1_ListConsumersResponse__Output>
  RemoveConsumer: MethodDefinition<_rekey_v1_RemoveConsumerRequest, _rekey_v1_RemoveConsumerResponse, _rekey_v1_RemoveConsumerRequest__Output, _rekey_v1_RemoveConsumerResponse__Output>
  ReviewRegistry: MethodDefinition<_rekey_v1_ReviewRegistryRequest, _rekey_v1_RegistryReview, _rekey_v1_ReviewRegistryRequest__Output, _rekey_v1_RegistryReview__Output>
  SetConsumerOrgs: MethodDefinition<_rekey_v1_SetConsumerOrgsRequest, _rekey_v1_Consumer, _rekey_v1_SetConsumerOrgsRequest__Output, _rekey_v1_Consumer__Output>
  TrustRegistry: MethodDefinition<_rekey_v1_TrustRegistryRequest, _rekey_v1_Registry, _rekey_v1_TrustRegistryRequest__Output, _rekey_v1_Registry__Output>
}
