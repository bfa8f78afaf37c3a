// Original file: ../../proto/rekey/v1/system.proto

import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from '../../google/protobuf/Timestamp.ts';

export interface OrgAliasStatus {
  'orgId'?: (string);
  'knownBy'?: (string);
  'sinceTime'?: (_google_protobuf_Timestamp | null);
  'conflict'?: (string);
  'conflictOrgIds'?: (string)[];
  'conflictTime'?: (_google_protobuf_Timestamp | null);
}

export interface OrgAliasStatus__Output {
  'orgId': (string);
  'knownBy': (string);
  'sinceTime': (_google_protobuf_Timestamp__Output | null);
  'conflict': (string);
  'conflictOrgIds': (string)[];
  'conflictTime': (_google_protobuf_Timestamp__Output | null);
}
