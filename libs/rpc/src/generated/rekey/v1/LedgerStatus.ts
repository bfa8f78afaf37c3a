// Original file: ../../proto/rekey/v1/system.proto

import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from '../../google/protobuf/Timestamp.ts';
import type { LedgerHoldings as _rekey_v1_LedgerHoldings, LedgerHoldings__Output as _rekey_v1_LedgerHoldings__Output } from '../../rekey/v1/LedgerHoldings.ts';

export interface LedgerStatus {
  'id'?: (string);
  'beginTime'?: (_google_protobuf_Timestamp | null);
  'lostTime'?: (_google_protobuf_Timestamp | null);
  'before'?: (_rekey_v1_LedgerHoldings | null);
  'now'?: (_rekey_v1_LedgerHoldings | null);
}

export interface LedgerStatus__Output {
  'id': (string);
  'beginTime': (_google_protobuf_Timestamp__Output | null);
  'lostTime': (_google_protobuf_Timestamp__Output | null);
  'before': (_rekey_v1_LedgerHoldings__Output | null);
  'now': (_rekey_v1_LedgerHoldings__Output | null);
}
