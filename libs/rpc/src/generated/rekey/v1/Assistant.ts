// Original file: ../../proto/rekey/v1/assistant.proto

import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from '../../google/protobuf/Timestamp.ts';
import type { KeyHolder as _rekey_v1_KeyHolder, KeyHolder__Output as _rekey_v1_KeyHolder__Output } from '../../rekey/v1/KeyHolder.ts';
import type { Long } from '@grpc/proto-loader';

// Original file: ../../proto/rekey/v1/assistant.proto

export const _rekey_v1_Assistant_Cause = {
  CAUSE_UNSPECIFIED: 'CAUSE_UNSPECIFIED',
  ROTATION: 'ROTATION',
  RECONCILIATION: 'RECONCILIATION',
  DRIFT: 'DRIFT',
  IMPORT: 'IMPORT',
  ROLLBACK: 'ROLLBACK',
} as const;

export type _rekey_v1_Assistant_Cause =
  | 'CAUSE_UNSPECIFIED'
  | 0
  | 'ROTATION'
  | 1
  | 'RECONCILIATION'
  | 2
  | 'DRIFT'
  | 3
  | 'IMPORT'
  | 4
  | 'ROLLBACK'
  | 5

export type _rekey_v1_Assistant_Cause__Output = typeof _rekey_v1_Assistant_Cause[keyof typeof _rekey_v1_Assistant_Cause]

// Original file: ../../proto/rekey/v1/assistant.proto

export const _rekey_v1_Assistant_Removal = {
  REMOVAL_UNSPECIFIED: 'REMOVAL_UNSPECIFIED',
  NO_KEY: 'NO_KEY',
  DELETED: 'DELETED',
} as const;

export type _rekey_v1_Assistant_Removal =
  | 'REMOVAL_UNSPECIFIED'
  | 0
  | 'NO_KEY'
  | 1
  | 'DELETED'
  | 2

export type _rekey_v1_Assistant_Removal__Output = typeof _rekey_v1_Assistant_Removal[keyof typeof _rekey_v1_Assistant_Removal]

export interface Assistant {
  'assistantId'?: (string);
  'version'?: (number | string | Long);
  'cause'?: (_rekey_v1_Assistant_Cause);
  'rotationId'?: (string);
  'updateTime'?: (_google_protobuf_Timestamp | null);
  'fingerprint'?: (string);
  'sealed'?: (string);
  'uncertainTime'?: (_google_protobuf_Timestamp | null);
  'removal'?: (_rekey_v1_Assistant_Removal);
  'orgId'?: (string);
  'keyTime'?: (_google_protobuf_Timestamp | null);
  'holders'?: (_rekey_v1_KeyHolder)[];
}

export interface Assistant__Output {
  'assistantId': (string);
  'version': (string);
  'cause': (_rekey_v1_Assistant_Cause__Output);
  'rotationId': (string);
  'updateTime': (_google_protobuf_Timestamp__Output | null);
  'fingerprint': (string);
  'sealed': (string);
  'uncertainTime': (_google_protobuf_Timestamp__Output | null);
  'removal': (_rekey_v1_Assistant_Removal__Output);
  'orgId': (string);
  'keyTime': (_google_protobuf_Timestamp__Output | null);
  'holders': (_rekey_v1_KeyHolder__Output)[];
}
