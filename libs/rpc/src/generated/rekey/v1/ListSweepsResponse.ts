// Original file: ../../proto/rekey/v1/sweep.proto

import type { Sweep as _rekey_v1_Sweep, Sweep__Output as _rekey_v1_Sweep__Output } from '../../rekey/v1/Sweep.ts';

export interface ListSweepsResponse {
  'sweeps'?: (_rekey_v1_Sweep)[];
  'nextPageToken'?: (string);
}

export interface ListSweepsResponse__Output {
  'sweeps': (_rekey_v1_Sweep__Output)[];
  'nextPageToken': (string);
}
