// Original file: ../../proto/rekey/v1/consumer.proto

import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from '../../google/protobuf/Timestamp.ts';
import type { UnappliedVersion as _rekey_v1_UnappliedVersion, UnappliedVersion__Output as _rekey_v1_UnappliedVersion__Output } from '../../rekey/v1/UnappliedVersion.ts';
import type { Long } from '@grpc/proto-loader';

export interface ConsumerInstance {
  'id'?: (string);
  'live'?: (boolean);
  'heardTime'?: (_google_protobuf_Timestamp | null);
  'position'?: (string);
  'seq'?: (number | string | Long);
  'keyCount'?: (number | string | Long);
  'unappliedCount'?: (number | string | Long);
  'unapplied'?: (_rekey_v1_UnappliedVersion)[];
  'refusedCount'?: (number | string | Long);
  'refused'?: (_rekey_v1_UnappliedVersion)[];
}

export interface ConsumerInstance__Output {
  'id': (string);
  'live': (boolean);
  'heardTime': (_google_protobuf_Timestamp__Output | null);
  'position': (string);
  'seq': (string);
  'keyCount': (string);
  'unappliedCount': (string);
  'unapplied': (_rekey_v1_UnappliedVersion__Output)[];
  'refusedCount': (string);
  'refused': (_rekey_v1_UnappliedVersion__Output)[];
}
