// Original file: ../../proto/rekey/v1/archive.proto

import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from '../../google/protobuf/Timestamp.ts';
import type { Long } from '@grpc/proto-loader';

export interface ArchiveStatus {
  'archiveId'?: (string);
  'processId'?: (string);
  'reportTime'?: (_google_protobuf_Timestamp | null);
  'eventPosition'?: (string);
  'activityPosition'?: (string);
  'waitingEventCount'?: (number | string | Long);
  'waitingActivityCount'?: (number | string | Long);
  'maxWaitingCount'?: (number | string | Long);
  'segment'?: (number | string | Long);
  'digest'?: (string);
  'problem'?: (string);
  'gapTime'?: (_google_protobuf_Timestamp | null);
}

export interface ArchiveStatus__Output {
  'archiveId': (string);
  'processId': (string);
  'reportTime': (_google_protobuf_Timestamp__Output | null);
  'eventPosition': (string);
  'activityPosition': (string);
  'waitingEventCount': (string);
  'waitingActivityCount': (string);
  'maxWaitingCount': (string);
  'segment': (string);
  'digest': (string);
  'problem': (string);
  'gapTime': (_google_protobuf_Timestamp__Output | null);
}
