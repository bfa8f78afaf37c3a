import type * as grpc from '@grpc/grpc-js';
import type { MessageTypeDefinition } from '@grpc/proto-loader';

import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from './google/protobuf/Timestamp.ts';
import type { ActivityField as _rekey_v1_ActivityField, ActivityField__Output as _rekey_v1_ActivityField__Output } from './rekey/v1/ActivityField.ts';
import type { ActivityRecord as _rekey_v1_ActivityRecord, ActivityRecord__Output as _rekey_v1_ActivityRecord__Output } from './rekey/v1/ActivityRecord.ts';
import type { ActivityServiceClient as _rekey_v1_ActivityServiceClient, ActivityServiceDefinition as _rekey_v1_ActivityServiceDefinition } from './rekey/v1/ActivityService.ts';
import type { ListActivityRequest as _rekey_v1_ListActivityRequest, ListActivityRequest__Output as _rekey_v1_ListActivityRequest__Output } from './rekey/v1/ListActivityRequest.ts';
import type { ListActivityResponse as _rekey_v1_ListActivityResponse, ListActivityResponse__Output as _rekey_v1_ListActivityResponse__Output } from './rekey/v1/ListActivityResponse.ts';
import type { WatchActivityRequest as _rekey_v1_WatchActivityRequest, WatchActivityRequest__Output as _rekey_v1_WatchActivityRequest__Output } from './rekey/v1/WatchActivityRequest.ts';
import type { WatchActivityResponse as _rekey_v1_WatchActivityResponse, WatchActivityResponse__Output as _rekey_v1_WatchActivityResponse__Output } from './rekey/v1/WatchActivityResponse.ts';

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
      ActivityField: MessageTypeDefinition<_rekey_v1_ActivityField, _rekey_v1_ActivityField__Output>
      ActivityRecord: MessageTypeDefinition<_rekey_v1_ActivityRecord, _rekey_v1_ActivityRecord__Output>
      ActivityService: SubtypeConstructor<typeof grpc.Client, _rekey_v1_ActivityServiceClient> & { service: _rekey_v1_ActivityServiceDefinition }
      ListActivityRequest: MessageTypeDefinition<_rekey_v1_ListActivityRequest, _rekey_v1_ListActivityRequest__Output>
      ListActivityResponse: MessageTypeDefinition<_rekey_v1_ListActivityResponse, _rekey_v1_ListActivityResponse__Output>
      WatchActivityRequest: MessageTypeDefinition<_rekey_v1_WatchActivityRequest, _rekey_v1_WatchActivityRequest__Output>
      WatchActivityResponse: MessageTypeDefinition<_rekey_v1_WatchActivityResponse, _rekey_v1_WatchActivityResponse__Output>
    }
  }
}

