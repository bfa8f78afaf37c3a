import type * as grpc from '@grpc/grpc-js';
import type { MessageTypeDefinition } from '@grpc/proto-loader';

import type { Duration as _google_protobuf_Duration, Duration__Output as _google_protobuf_Duration__Output } from './google/protobuf/Duration.ts';
import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from './google/protobuf/Timestamp.ts';
import type { AccessGrant as _rekey_v1_AccessGrant, AccessGrant__Output as _rekey_v1_AccessGrant__Output } from './rekey/v1/AccessGrant.ts';
import type { AccessServiceClient as _rekey_v1_AccessServiceClient, AccessServiceDefinition as _rekey_v1_AccessServiceDefinition } from './rekey/v1/AccessService.ts';
import type { AccessToken as _rekey_v1_AccessToken, AccessToken__Output as _rekey_v1_AccessToken__Output } from './rekey/v1/AccessToken.ts';
import type { CheckAccessRequest as _rekey_v1_CheckAccessRequest, CheckAccessRequest__Output as _rekey_v1_CheckAccessRequest__Output } from './rekey/v1/CheckAccessRequest.ts';
import type { CheckAccessResponse as _rekey_v1_CheckAccessResponse, CheckAccessResponse__Output as _rekey_v1_CheckAccessResponse__Output } from './rekey/v1/CheckAccessResponse.ts';
import type { CreateTokenRequest as _rekey_v1_CreateTokenRequest, CreateTokenRequest__Output as _rekey_v1_CreateTokenRequest__Output } from './rekey/v1/CreateTokenRequest.ts';
import type { CreateTokenResponse as _rekey_v1_CreateTokenResponse, CreateTokenResponse__Output as _rekey_v1_CreateTokenResponse__Output } from './rekey/v1/CreateTokenResponse.ts';
import type { ListTokensRequest as _rekey_v1_ListTokensRequest, ListTokensRequest__Output as _rekey_v1_ListTokensRequest__Output } from './rekey/v1/ListTokensRequest.ts';
import type { ListTokensResponse as _rekey_v1_ListTokensResponse, ListTokensResponse__Output as _rekey_v1_ListTokensResponse__Output } from './rekey/v1/ListTokensResponse.ts';
import type { RevokeTokenRequest as _rekey_v1_RevokeTokenRequest, RevokeTokenRequest__Output as _rekey_v1_RevokeTokenRequest__Output } from './rekey/v1/RevokeTokenRequest.ts';
import type { RevokeTokenResponse as _rekey_v1_RevokeTokenResponse, RevokeTokenResponse__Output as _rekey_v1_RevokeTokenResponse__Output } from './rekey/v1/RevokeTokenResponse.ts';
import type { WhoAmIRequest as _rekey_v1_WhoAmIRequest, WhoAmIRequest__Output as _rekey_v1_WhoAmIRequest__Output } from './rekey/v1/WhoAmIRequest.ts';
import type { WhoAmIResponse as _rekey_v1_WhoAmIResponse, WhoAmIResponse__Output as _rekey_v1_WhoAmIResponse__Output } from './rekey/v1/WhoAmIResponse.ts';

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
      AccessGrant: MessageTypeDefinition<_rekey_v1_AccessGrant, _rekey_v1_AccessGrant__Output>
      AccessService: SubtypeConstructor<typeof grpc.Client, _rekey_v1_AccessServiceClient> & { service: _rekey_v1_AccessServiceDefinition }
      AccessToken: MessageTypeDefinition<_rekey_v1_AccessToken, _rekey_v1_AccessToken__Output>
      CheckAccessRequest: MessageTypeDefinition<_rekey_v1_CheckAccessRequest, _rekey_v1_CheckAccessRequest__Output>
      CheckAccessResponse: MessageTypeDefinition<_rekey_v1_CheckAccessResponse, _rekey_v1_CheckAccessResponse__Output>
      CreateTokenRequest: MessageTypeDefinition<_rekey_v1_CreateTokenRequest, _rekey_v1_CreateTokenRequest__Output>
      CreateTokenResponse: MessageTypeDefinition<_rekey_v1_CreateTokenResponse, _rekey_v1_CreateTokenResponse__Output>
      ListTokensRequest: MessageTypeDefinition<_rekey_v1_ListTokensRequest, _rekey_v1_ListTokensRequest__Output>
      ListTokensResponse: MessageTypeDefinition<_rekey_v1_ListTokensResponse, _rekey_v1_ListTokensResponse__Output>
      RevokeTokenRequest: MessageTypeDefinition<_rekey_v1_RevokeTokenRequest, _rekey_v1_RevokeTokenRequest__Output>
      RevokeTokenResponse: MessageTypeDefinition<_rekey_v1_RevokeTokenResponse, _rekey_v1_RevokeTokenResponse__Output>
      WhoAmIRequest: MessageTypeDefinition<_rekey_v1_WhoAmIRequest, _rekey_v1_WhoAmIRequest__Output>
      WhoAmIResponse: MessageTypeDefinition<_rekey_v1_WhoAmIResponse, _rekey_v1_WhoAmIResponse__Output>
    }
  }
}

