import type * as grpc from '@grpc/grpc-js';
import type { MessageTypeDefinition } from '@grpc/proto-loader';

import type { AcknowledgeRequest as _rekey_v1_AcknowledgeRequest, AcknowledgeRequest__Output as _rekey_v1_AcknowledgeRequest__Output } from './rekey/v1/AcknowledgeRequest.ts';
import type { AcknowledgeResponse as _rekey_v1_AcknowledgeResponse, AcknowledgeResponse__Output as _rekey_v1_AcknowledgeResponse__Output } from './rekey/v1/AcknowledgeResponse.ts';
import type { EventEntry as _rekey_v1_EventEntry, EventEntry__Output as _rekey_v1_EventEntry__Output } from './rekey/v1/EventEntry.ts';
import type { EventRecord as _rekey_v1_EventRecord, EventRecord__Output as _rekey_v1_EventRecord__Output } from './rekey/v1/EventRecord.ts';
import type { EventServiceClient as _rekey_v1_EventServiceClient, EventServiceDefinition as _rekey_v1_EventServiceDefinition } from './rekey/v1/EventService.ts';
import type { GetEventsStateRequest as _rekey_v1_GetEventsStateRequest, GetEventsStateRequest__Output as _rekey_v1_GetEventsStateRequest__Output } from './rekey/v1/GetEventsStateRequest.ts';
import type { GetEventsStateResponse as _rekey_v1_GetEventsStateResponse, GetEventsStateResponse__Output as _rekey_v1_GetEventsStateResponse__Output } from './rekey/v1/GetEventsStateResponse.ts';
import type { GetRecordsRequest as _rekey_v1_GetRecordsRequest, GetRecordsRequest__Output as _rekey_v1_GetRecordsRequest__Output } from './rekey/v1/GetRecordsRequest.ts';
import type { GetRecordsResponse as _rekey_v1_GetRecordsResponse, GetRecordsResponse__Output as _rekey_v1_GetRecordsResponse__Output } from './rekey/v1/GetRecordsResponse.ts';
import type { GetSnapshotRequest as _rekey_v1_GetSnapshotRequest, GetSnapshotRequest__Output as _rekey_v1_GetSnapshotRequest__Output } from './rekey/v1/GetSnapshotRequest.ts';
import type { GetSnapshotResponse as _rekey_v1_GetSnapshotResponse, GetSnapshotResponse__Output as _rekey_v1_GetSnapshotResponse__Output } from './rekey/v1/GetSnapshotResponse.ts';
import type { SkippedRange as _rekey_v1_SkippedRange, SkippedRange__Output as _rekey_v1_SkippedRange__Output } from './rekey/v1/SkippedRange.ts';
import type { WatchEventsRequest as _rekey_v1_WatchEventsRequest, WatchEventsRequest__Output as _rekey_v1_WatchEventsRequest__Output } from './rekey/v1/WatchEventsRequest.ts';
import type { WatchEventsResponse as _rekey_v1_WatchEventsResponse, WatchEventsResponse__Output as _rekey_v1_WatchEventsResponse__Output } from './rekey/v1/WatchEventsResponse.ts';
import type { WithheldEvent as _rekey_v1_WithheldEvent, WithheldEvent__Output as _rekey_v1_WithheldEvent__Output } from './rekey/v1/WithheldEvent.ts';

type SubtypeConstructor<Constructor extends new (...args: any) => any, Subtype> = {
  new(...args: ConstructorParameters<Constructor>): Subtype;
};

export interface ProtoGrpcType {
  rekey: {
    v1: {
      AcknowledgeRequest: MessageTypeDefinition<_rekey_v1_AcknowledgeRequest, _rekey_v1_AcknowledgeRequest__Output>
      AcknowledgeResponse: MessageTypeDefinition<_rekey_v1_AcknowledgeResponse, _rekey_v1_AcknowledgeResponse__Output>
      EventEntry: MessageTypeDefinition<_rekey_v1_EventEntry, _rekey_v1_EventEntry__Output>
      EventRecord: MessageTypeDefinition<_rekey_v1_EventRecord, _rekey_v1_EventRecord__Output>
      EventService: SubtypeConstructor<typeof grpc.Client, _rekey_v1_EventServiceClient> & { service: _rekey_v1_EventServiceDefinition }
      GetEventsStateRequest: MessageTypeDefinition<_rekey_v1_GetEventsStateRequest, _rekey_v1_GetEventsStateRequest__Output>
      GetEventsStateResponse: MessageTypeDefinition<_rekey_v1_GetEventsStateResponse, _rekey_v1_GetEventsStateResponse__Output>
      GetRecordsRequest: MessageTypeDefinition<_rekey_v1_GetRecordsRequest, _rekey_v1_GetRecordsRequest__Output>
      GetRecordsResponse: MessageTypeDefinition<_rekey_v1_GetRecordsResponse, _rekey_v1_GetRecordsResponse__Output>
      GetSnapshotRequest: MessageTypeDefinition<_rekey_v1_GetSnapshotRequest, _rekey_v1_GetSnapshotRequest__Output>
      GetSnapshotResponse: MessageTypeDefinition<_rekey_v1_GetSnapshotResponse, _rekey_v1_GetSnapshotResponse__Output>
      SkippedRange: MessageTypeDefinition<_rekey_v1_SkippedRange, _rekey_v1_SkippedRange__Output>
      WatchEventsRequest: MessageTypeDefinition<_rekey_v1_WatchEventsRequest, _rekey_v1_WatchEventsRequest__Output>
      WatchEventsResponse: MessageTypeDefinition<_rekey_v1_WatchEventsResponse, _rekey_v1_WatchEventsResponse__Output>
      WithheldEvent: MessageTypeDefinition<_rekey_v1_WithheldEvent, _rekey_v1_WithheldEvent__Output>
    }
  }
}

