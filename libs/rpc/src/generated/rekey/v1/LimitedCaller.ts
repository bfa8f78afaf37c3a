// Original file: ../../proto/rekey/v1/system.proto

import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from '../../google/protobuf/Timestamp.ts';
import type { Long } from '@grpc/proto-loader';

export interface LimitedCaller {
  'caller'?: (string);
  'limit'?: (string);
  'refusedCount'?: (number | string | Long);
  'sinceTime'?: (_google_protobuf_Timestamp | null);
}

export interface LimitedCaller__Output {
  'caller': (string);
  'limit': (string);
  'refusedCount': (string);
  'sinceTime': (_google_protobuf_Timestamp__Output | null);
}
