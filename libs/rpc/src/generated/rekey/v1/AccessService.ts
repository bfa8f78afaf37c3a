// Original file: ../../proto/rekey/v1/access.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { CheckAccessRequest as _rekey_v1_CheckAccessRequest, CheckAccessRequest__Output as _rekey_v1_CheckAccessRequest__Output } from '../../rekey/v1/CheckAccessRequest.ts';
import type { CheckAccessResponse as _rekey_v1_CheckAccessResponse, CheckAccessResponse__Output as _rekey_v1_CheckAccessResponse__Output } from '../../rekey/v1/CheckAccessResponse.ts';
import type { CreateTokenRequest as _rekey_v1_CreateTokenRequest, CreateTokenRequest__Output as _rekey_v1_CreateTokenRequest__Output } from '../../rekey/v1/CreateTokenRequest.ts';
import type { CreateTokenResponse as _rekey_v1_CreateTokenResponse, CreateTokenResponse__Output as _rekey_v1_CreateTokenResponse__Output } from '../../rekey/v1/CreateTokenResponse.ts';
import type { ListTokensRequest as _rekey_v1_ListTokensRequest, ListTokensRequest__Output as _rekey_v1_ListTokensRequest__Output } from '../../rekey/v1/ListTokensRequest.ts';
import type { ListTokensResponse as _rekey_v1_ListTokensResponse, ListTokensResponse__Output as _rekey_v1_ListTokensResponse__Output } from '../../rekey/v1/ListTokensResponse.ts';
import type { RevokeTokenRequest as _rekey_v1_RevokeTokenRequest, RevokeTokenRequest__Output as _rekey_v1_RevokeTokenRequest__Output } from '../../rekey/v1/RevokeTokenRequest.ts';
import type { RevokeTokenResponse as _rekey_v1_RevokeTokenResponse, RevokeTokenResponse__Output as _rekey_v1_RevokeTokenResponse__Output } from '../../rekey/v1/RevokeTokenResponse.ts';
import type { WhoAmIRequest as _rekey_v1_WhoAmIRequest, WhoAmIRequest__Output as _rekey_v1_WhoAmIRequest__Output } from '../../rekey/v1/WhoAmIRequest.ts';
import type { WhoAmIResponse as _rekey_v1_WhoAmIResponse, WhoAmIResponse__Output as _rekey_v1_WhoAmIResponse__Output } from '../../rekey/v1/WhoAmIResponse.ts';

export interface AccessServiceClient extends grpc.Client {
  CheckAccess(argument: _rekey_v1_CheckAccessRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_CheckAccessResponse__Output>): grpc.ClientUnaryCall;
  CheckAccess(argument: _rekey_v1_CheckAccessRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_rekey_v1_CheckAccessResponse__Output>): grpc.ClientUnaryCall;
  CheckAccess(argument: _rekey_v1_CheckAccessRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_CheckAccessResponse__Output>): grpc.ClientUnaryCall;
  CheckAccess(argument: _rekey_v1_CheckAccessRequest, callback: grpc.requestCallback<_rekey_v1_CheckAccessResponse__Output>): grpc.ClientUnaryCall;
  checkAccess(argument: _rekey_v1_CheckAccessRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_CheckAccessResponse__Output>): grpc.ClientUnaryCall;
  checkAccess(argument: _rekey_v1_CheckAccessRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_rekey_v1_CheckAccessResponse__Output>): grpc.ClientUnaryCall;
  checkAccess(argument: _rekey_v1_CheckAccessRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_CheckAccessResponse__Output>): grpc.ClientUnaryCall;
  checkAccess(argument: _rekey_v1_CheckAccessRequest, callback: grpc.requestCallback<_rekey_v1_CheckAccessResponse__Output>): grpc.ClientUnaryCall;
  
  CreateToken(argument: _rekey_v1_CreateTokenRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_CreateTokenResponse__Output>): grpc.ClientUnaryCall;
  CreateToken(argument: _rekey_v1_CreateTokenRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_rekey_v1_CreateTokenResponse__Output>): grpc.ClientUnaryCall;
  CreateToken(argument: _rekey_v1_CreateTokenRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_CreateTokenResponse__Output>): grpc.ClientUnaryCall;
  CreateToken(argument: _rekey_v1_CreateTokenRequest, callback: grpc.requestCallback<_rekey_v1_CreateTokenResponse__Output>): grpc.ClientUnaryCall;
  createToken(argument: _rekey_v1_CreateTokenRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_CreateTokenResponse__Output>): grpc.ClientUnaryCall;
  createToken(argument: _rekey_v1_CreateTokenRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_rekey_v1_CreateTokenResponse__Output>): grpc.ClientUnaryCall;
  createToken(argument: _rekey_v1_CreateTokenRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_CreateTokenResponse__Output>): grpc.ClientUnaryCall;
  createToken(argument: _rekey_v1_CreateTokenRequest, callback: grpc.requestCallback<_rekey_v1_CreateTokenResponse__Output>): grpc.ClientUnaryCall;
  
  ListTokens(argument: _rekey_v1_ListTokensRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_ListTokensResponse__Output>): grpc.ClientUnaryCall;
  ListTokens(argument: _rekey_v1_ListTokensRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_rekey_v1_ListTokensResponse__Output>): grpc.ClientUnaryCall;
  ListTokens(argument: _rekey_v1_ListTokensRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_ListTokensResponse__Output>): grpc.ClientUnaryCall;
  ListTokens(argument: _rekey_v1_ListTokensRequest, callback: grpc.requestCallback<_rekey_v1_ListTokensResponse__Output>): grpc.ClientUnaryCall;
  listTokens(argument: _rekey_v1_ListTokensRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_ListTokensResponse__Output>): grpc.ClientUnaryCall;
  listTokens(argument: _rekey_v1_ListTokensRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_rekey_v1_ListTokensResponse__Output>): grpc.ClientUnaryCall;
  listTokens(argument: _rekey_v1_ListTokensRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_ListTokensResponse__Output>): grpc.ClientUnaryCall;
  listTokens(argument: _rekey_v1_ListTokensRequest, callback: grpc.requestCallback<_rekey_v1_ListTokensResponse__Output>): grpc.ClientUnaryCall;
  
  RevokeToken(argument: _rekey_v1_RevokeTokenRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_RevokeTokenResponse__Output>): grpc.ClientUnaryCall;
  RevokeToken(argument: _rekey_v1_RevokeTokenRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_rekey_v1_RevokeTokenResponse__Output>): grpc.ClientUnaryCall;
  RevokeToken(argument: _rekey_v1_RevokeTokenRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_RevokeTokenResponse__Output>): grpc.ClientUnaryCall;
  RevokeToken(argument: _rekey_v1_RevokeTokenRequest, callback: grpc.requestCallback<_rekey_v1_RevokeTokenResponse__Output>): grpc.ClientUnaryCall;
  revokeToken(argument: _rekey_v1_RevokeTokenRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_RevokeTokenResponse__Output>): grpc.ClientUnaryCall;
  revokeToken(argument: _rekey_v1_RevokeTokenRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_rekey_v1_RevokeTokenResponse__Output>): grpc.ClientUnaryCall;
  revokeToken(argument: _rekey_v1_RevokeTokenRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_RevokeTokenResponse__Output>): grpc.ClientUnaryCall;
  revokeToken(argument: _rekey_v1_RevokeTokenRequest, callback: grpc.requestCallback<_rekey_v1_RevokeTokenResponse__Output>): grpc.ClientUnaryCall;
  
  WhoAmI(argument: _rekey_v1_WhoAmIRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_WhoAmIResponse__Output>): grpc.ClientUnaryCall;
  WhoAmI(argument: _rekey_v1_WhoAmIRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_rekey_v1_WhoAmIResponse__Output>): grpc.ClientUnaryCall;
  WhoAmI(argument: _rekey_v1_WhoAmIRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_WhoAmIResponse__Output>): grpc.ClientUnaryCall;
  WhoAmI(argument: _rekey_v1_WhoAmIRequest, callback: grpc.requestCallback<_rekey_v1_WhoAmIResponse__Output>): grpc.ClientUnaryCall;
  whoAmI(argument: _rekey_v1_WhoAmIRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_WhoAmIResponse__Output>): grpc.ClientUnaryCall;
  whoAmI(argument: _rekey_v1_WhoAmIRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_rekey_v1_WhoAmIResponse__Output>): grpc.ClientUnaryCall;
  whoAmI(argument: _rekey_v1_WhoAmIRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_WhoAmIResponse__Output>): grpc.ClientUnaryCall;
  whoAmI(argument: _rekey_v1_WhoAmIRequest, callback: grpc.requestCallback<_rekey_v1_WhoAmIResponse__Output>): grpc.ClientUnaryCall;
  
}

export interface AccessServiceHandlers extends grpc.UntypedServiceImplementation {
  CheckAccess: grpc.handleUnaryCall<_rekey_v1_CheckAccessRequest__Output, _rekey_v1_CheckAccessResponse>;
  
  CreateToken: grpc.handleUnaryCall<_rekey_v1_CreateTokenRequest__Output, _rekey_v1_CreateTokenResponse>;
  
  ListTokens: grpc.handleUnaryCall<_rekey_v1_ListTokensRequest__Output, _rekey_v1_ListTokensResponse>;
  
  RevokeToken: grpc.handleUnaryCall<_rekey_v1_RevokeTokenRequest__Output, _rekey_v1_RevokeTokenResponse>;
  
  WhoAmI: grpc.handleUnaryCall<_rekey_v1_WhoAmIRequest__Output, _rekey_v1_WhoAmIResponse>;
  
}

export interface AccessServiceDefinition extends grpc.ServiceDefinition {
  CheckAccess: MethodDefinition<_rekey_v1_CheckAccessRequest, _rekey_v1_CheckAccessResponse, _rekey_v1_CheckAccessRequest__Output, _rekey_v1_CheckAccessResponse__Output>
  CreateToken: MethodDefinition<_rekey_v1_CreateTokenRequest, _rekey_v1_CreateTokenResponse, _rekey_v1_CreateTokenRequest__Output, _rekey_v1_CreateTokenResponse__Output>
  ListTokens: MethodDefinition<_rekey_v1_ListTokensRequest, _rekey_v1_ListTokensResponse, _rekey_v1_ListTokensRequest__Output, _rekey_v1_ListTokensResponse__Output>
  RevokeToken: MethodDefinition<_rekey_v1_RevokeTokenRequest, _rekey_v1_RevokeTokenResponse, _rekey_v1_RevokeTokenRequest__Output, _rekey_v1_RevokeTokenResponse__Output>
  WhoAmI: MethodDefinition<_rekey_v1_WhoAmIRequest, _rekey_v1_WhoAmIResponse, _rekey_v1_WhoAmIRequest__Output, _rekey_v1_WhoAmIResponse__Output>
}
