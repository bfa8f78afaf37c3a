import type * as grpc from '@grpc/grpc-js';
import type { MessageTypeDefinition } from '@grpc/proto-loader';

import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from './google/protobuf/Timestamp.ts';
import type { CreateSweepRequest as _rekey_v1_CreateSweepRequest, CreateSweepRequest__Output as _rekey_v1_CreateSweepRequest__Output } from './rekey/v1/CreateSweepRequest.ts';
import type { GetSweepRequest as _rekey_v1_GetSweepRequest, GetSweepRequest__Output as _rekey_v1_GetSweepRequest__Output } from './rekey/v1/GetSweepRequest.ts';
import type { ListSweepsRequest as _rekey_v1_ListSweepsRequest, ListSweepsRequest__Output as _rekey_v1_ListSweepsRequest__Output } from './rekey/v1/ListSweepsRequest.ts';
import type { ListSweepsResponse as _rekey_v1_ListSweepsResponse, ListSweepsResponse__Output as _rekey_v1_ListSweepsResponse__Output } from './rekey/v1/ListSweepsResponse.ts';
import type { Sweep as _rekey_v1_Sweep, Sweep__Output as _rekey_v1_Sweep__Output } from './rekey/v1/Sweep.ts';
import type { SweepCounts as _rekey_v1_SweepCounts, SweepCounts__Output as _rekey_v1_SweepCounts__Output } from './rekey/v1/SweepCounts.ts';
import type { SweepError as _rekey_v1_SweepError, SweepError__Output as _rekey_v1_SweepError__Output } from './rekey/v1/SweepError.ts';
import type { SweepServiceClient as _rekey_v1_SweepServiceClient, SweepServiceDefinition as _rekey_v1_SweepServiceDefinition } from './rekey/v1/SweepService.ts';

type SubtypeConstructor<Constructor extends new (...args: any) => any, Subtype> = {
  new(...args: ConstructorParameters<Constructor>): Subtype;
};

export interface ProtoGrpcType {
  google: {
    protobuf: {
      Timestamp: MessageTypeDefinition<_google_protobuf_Timestamp, _google_protobuf_Timestamp__Output>
    }
  }
  rekey: {
    v1: {
      CreateSweepRequest: MessageTypeDefinition<_rekey_v1_CreateSweepRequest, _rekey_v1_CreateSweepRequest__Output>
      GetSweepRequest: MessageTypeDefinition<_rekey_v1_GetSweepRequest, _rekey_v1_GetSweepRequest__Output>
      ListSweepsRequest: MessageTypeDefinition<_rekey_v1_ListSweepsRequest, _rekey_v1_ListSweepsRequest__Output>
      ListSweepsResponse: MessageTypeDefinition<_rekey_v1_ListSweepsResponse, _rekey_v1_ListSweepsResponse__Output>
      Sweep: MessageTypeDefinition<_rekey_v1_Sweep, _rekey_v1_Sweep__Output>
      SweepCounts: MessageTypeDefinition<_rekey_v1_SweepCounts, _rekey_v1_SweepCounts__Output>
      SweepError: MessageTypeDefinition<_rekey_v1_SweepError, _rekey_v1_SweepError__Output>
      SweepService: SubtypeConstructor<typeof grpc.Client, _rekey_v1_SweepServiceClient> & { service: _rekey_v1_SweepServiceDefinition }
    }
  }
}

