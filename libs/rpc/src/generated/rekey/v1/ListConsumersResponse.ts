// Original file: ../../proto/rekey/v1/consumer.proto

import type { Consumer as _rekey_v1_Consumer, Consumer__Output as _rekey_v1_Consumer__Output } from '../../rekey/v1/Consumer.ts';

export interface ListConsumersResponse {
  'consumers'?: (_rekey_v1_Consumer)[];
  'nextPageToken'?: (string);
}

export interface ListConsumersResponse__Output {
  'consumers': (_rekey_v1_Consumer__Output)[];
  'nextPageToken': (string);
}
