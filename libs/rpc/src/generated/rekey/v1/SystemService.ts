// Original file: ../../proto/rekey/v1/system.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { AdoptLedgerRequest as _rekey_v1_AdoptLedgerRequest, AdoptLedgerRequest__Output as _rekey_v1_AdoptLedgerRequest__Output } from '../../rekey/v1/AdoptLedgerRequest.ts';
import type { FreezeRequest as _rekey_v1_FreezeRequest, FreezeRequest__Output as _rekey_v1_FreezeRequest__Output } from '../../rekey/v1/FreezeRequest.ts';
import type { GetStatusRequest as _rekey_v1_GetStatusRequest, GetStatusRequest__Output as _rekey_v1_GetStatusRequest__Output } from '../../rekey/v1/GetStatusRequest.ts';
import type { OpenBudgetRequest as _rekey_v1_OpenBudgetRequest, OpenBudgetRequest__Output as _rekey_v1_OpenBudgetRequest__Output } from '../../rekey/v1/OpenBudgetRequest.ts';
import type { Status as _rekey_v1_Status, Status__Output as _rekey_v1_Status__Output } from '../../rekey/v1/Status.ts';
import type { UnfreezeRequest as _rekey_v1_UnfreezeRequest, UnfreezeRequest__Output as _rekey_v1_UnfreezeRequest__Output } from '../../rekey/v1/UnfreezeRequest.ts';

export interface SystemServiceClient extends grpc.Client {
  AdoptLedger(argument: _rekey_v1_AdoptLedgerRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_Status__Output>): grpc.ClientUnaryCall;
  AdoptLedger(argument: _rekey_v1_AdoptLedgerRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_rekey_v1_Status__Output>): grpc.ClientUnaryCall;
  AdoptLedger(argument: _rekey_v1_AdoptLedgerRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_Status__Output>): grpc.ClientUnaryCall;
  AdoptLedger(argument: _rekey_v1_AdoptLedgerRequest, callback: grpc.requestCallback<_rekey_v1_Status__Output>): grpc.ClientUnaryCall;
  adoptLedger(argument: _rekey_v1_AdoptLedgerRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_Status__Output>): grpc.ClientUnaryCall;
  adoptLedger(argument: _rekey_v1_AdoptLedgerRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_rekey_v1_Status__Output>): grpc.ClientUnaryCall;
  adoptLedger(argument: _rekey_v1_AdoptLedgerRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_Status__Output>): grpc.ClientUnaryCall;
  adoptLedger(argument: _rekey_v1_AdoptLedgerRequest, callback: grpc.requestCallback<_rekey_v1_Status__Output>): grpc.ClientUnaryCall;
  
  Freeze(argument: _rekey_v1_FreezeRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_Status__Output>): grpc.ClientUnaryCall;
  Freeze(argument: _rekey_v1_FreezeRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_rekey_v1_Status__Output>): grpc.ClientUnaryCall;
  Freeze(argument: _rekey_v1_FreezeRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_Status__Output>): grpc.ClientUnaryCall;
  Freeze(argument: _rekey_v1_FreezeRequest, callback: grpc.requestCallback<_rekey_v1_Status__Output>): grpc.ClientUnaryCall;
  freeze(argument: _rekey_v1_FreezeRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_Status__Output>): grpc.ClientUnaryCall;
  freeze(argument: _rekey_v1_FreezeRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_rekey_v1_Status__Output>): grpc.ClientUnaryCall;
  freeze(argument: _rekey_v1_FreezeRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_Status__Output>): grpc.ClientUnaryCall;
  freeze(argument: _rekey_v1_FreezeRequest, callback: grpc.requestCallback<_rekey_v1_Status__Output>): grpc.ClientUnaryCall;
  
  GetStatus(argument: _rekey_v1_GetStatusRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_Status__Output>): grpc.ClientUnaryCall;
  GetStatus(argument: _rekey_v1_GetStatusRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_rekey_v1_Status__Output>): grpc.ClientUnaryCall;
  GetStatus(argument: _rekey_v1_GetStatusRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_Status__Output>): grpc.ClientUnaryCall;
  GetStatus(argument: _rekey_v1_GetStatusRequest, callback: grpc.requestCallback<_rekey_v1_Status__Output>): grpc.ClientUnaryCall;
  getStatus(argument: _rekey_v1_GetStatusRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_Status__Output>): grpc.ClientUnaryCall;
  getStatus(argument: _rekey_v1_GetStatusRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_rekey_v1_Status__Output>): grpc.ClientUnaryCall;
  getStatus(argument: _rekey_v1_GetStatusRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_Status__Output>): grpc.ClientUnaryCall;
  getStatus(argument: _rekey_v1_GetStatusRequest, callback: grpc.requestCallback<_rekey_v1_Status__Output>): grpc.ClientUnaryCall;
  
  OpenBudget(argument: _rekey_v1_OpenBudgetRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_Status__Output>): grpc.ClientUnaryCall;
  OpenBudget(argument: _rekey_v1_OpenBudgetRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_rekey_v1_Status__Output>): grpc.ClientUnaryCall;
  OpenBudget(argument: _rekey_v1_OpenBudgetRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_Status__Output>): grpc.ClientUnaryCall;
  OpenBudget(argument: _rekey_v1_OpenBudgetRequest, callback: grpc.requestCallback<_rekey_v1_Status__Output>): grpc.ClientUnaryCall;
  openBudget(argument: _rekey_v1_OpenBudgetRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_Status__Output>): grpc.ClientUnaryCall;
  openBudget(argument: _rekey_v1_OpenBudgetRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_rekey_v1_Status__Output>): grpc.ClientUnaryCall;
  openBudget(argument: _rekey_v1_OpenBudgetRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_Status__Output>): grpc.ClientUnaryCall;
  openBudget(argument: _rekey_v1_OpenBudgetRequest, callback: grpc.requestCallback<_rekey_v1_Status__Output>): grpc.ClientUnaryCall;
  
  Unfreeze(argument: _rekey_v1_UnfreezeRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_Status__Output>): grpc.ClientUnaryCall;
  Unfreeze(argument: _rekey_v1_UnfreezeRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_rekey_v1_Status__Output>): grpc.ClientUnaryCall;
  Unfreeze(argument: _rekey_v1_UnfreezeRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_Status__Output>): grpc.ClientUnaryCall;
  Unfreeze(argument: _rekey_v1_UnfreezeRequest, callback: grpc.requestCallback<_rekey_v1_Status__Output>): grpc.ClientUnaryCall;
  unfreeze(argument: _rekey_v1_UnfreezeRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_Status__Output>): grpc.ClientUnaryCall;
  unfreeze(argument: _rekey_v1_UnfreezeRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_rekey_v1_Status__Output>): grpc.ClientUnaryCall;
  unfreeze(argument: _rekey_v1_UnfreezeRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_rekey_v1_Status__Output>): grpc.ClientUnaryCall;
  unfreeze(argument: _rekey_v1_UnfreezeRequest, callback: grpc.requestCallback<_rekey_v1_Status__Output>): grpc.ClientUnaryCall;
  
}

export interface SystemServiceHandlers extends grpc.UntypedServiceImplementation {
  AdoptLedger: grpc.handleUnaryCall<_rekey_v1_AdoptLedgerRequest__Output, _rekey_v1_Status>;
  
  Freeze: grpc.handleUnaryCall<_rekey_v1_FreezeRequest__Output, _rekey_v1_Status>;
  
  GetStatus: grpc.handleUnaryCall<_rekey_v1_GetStatusRequest__Output, _rekey_v1_Status>;
  
  OpenBudget: grpc.handleUnaryCall<_rekey_v1_OpenBudgetRequest__Output, _rekey_v1_Status>;
  
  Unfreeze: grpc.handleUnaryCall<_rekey_v1_UnfreezeRequest__Output, _rekey_v1_Status>;
  
}

export interface SystemServiceDefinition extends grpc.ServiceDefinition {
  AdoptLedger: MethodDefinition<_rekey_v1_AdoptLedgerRequest, _rekey_v1_Status, _rekey_v1_AdoptLedgerRequest__Output, _rekey_v1_Status__Output>
  Freeze: MethodDefinition<_rekey_v1_FreezeRequest, _rekey_v1_Status, _rekey_v1_FreezeRequest__Output, _rekey_v1_Status__Output>
  GetStatus: MethodDefinition<_rekey_v1_GetStatusRequest, _rekey_v1_Status, _rekey_v1_GetStatusRequest__Output, _rekey_v1_Status__Output>
  OpenBudget: MethodDefinition<_rekey_v1_OpenBudgetRequest, _rekey_v1_Status, _rekey_v1_OpenBudgetRequest__Output, _rekey_v1_Status__Output>
  Unfreeze: MethodDefinition<_rekey_v1_UnfreezeRequest, _rekey_v1_Status, _rekey_v1_UnfreezeRequest__Output, _rekey_v1_Status__Output>
}
