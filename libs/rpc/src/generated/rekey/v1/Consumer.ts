// Original file: ../../proto/rekey/v1/consumer.proto

import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from '../../google/protobuf/Timestamp.ts';
import type { ConsumerInstance as _rekey_v1_ConsumerInstance, ConsumerInstance__Output as _rekey_v1_ConsumerInstance__Output } from '../../rekey/v1/ConsumerInstance.ts';
import type { Duration as _google_protobuf_Duration, Duration__Output as _google_protobuf_Duration__Output } from '../../google/protobuf/Duration.ts';
import type { Long } from '@grpc/proto-loader';

// Original file: ../../proto/rekey/v1/consumer.proto

export const _rekey_v1_Consumer_State = {
  STATE_UNSPECIFIED: 'STATE_UNSPECIFIED',
  PENDING: 'PENDING',
  ENROLLING: 'ENROLLING',
  ACTIVE: 'ACTIVE',
} as const;

export type _rekey_v1_Consumer_State =
  | 'STATE_UNSPECIFIED'
  | 0
  | 'PENDING'
  | 1
  | 'ENROLLING'
  | 2
  | 'ACTIVE'
  | 3

export type _rekey_v1_Consumer_State__Output = typeof _rekey_v1_Consumer_State[keyof typeof _rekey_v1_Consumer_State]

export interface Consumer {
  'name'?: (string);
  'orgs'?: (string)[];
  'state'?: (_rekey_v1_Consumer_State);
  'createTime'?: (_google_protobuf_Timestamp | null);
  'keyType'?: (string);
  'keyId'?: (string);
  'instances'?: (_rekey_v1_ConsumerInstance)[];
  'live'?: (boolean);
  'lagEvents'?: (number | string | Long);
  'lag'?: (_google_protobuf_Duration | null);
  'registryRev'?: (number | string | Long);
  'requestedBy'?: (string);
}

export interface Consumer__Output {
  'name': (string);
  'orgs': (string)[];
  'state': (_rekey_v1_Consumer_State__Output);
  'createTime': (_google_protobuf_Timestamp__Output | null);
  'keyType': (string);
  'keyId': (string);
  'instances': (_rekey_v1_ConsumerInstance__Output)[];
  'live': (boolean);
  'lagEvents': (string);
  'lag': (_google_protobuf_Duration__Output | null);
  'registryRev': (string);
  'requestedBy': (string);
}
