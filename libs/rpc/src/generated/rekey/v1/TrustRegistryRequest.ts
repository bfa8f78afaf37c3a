// Original file: ../../proto/rekey/v1/consumer.proto

import type { TrustedConsumer as _rekey_v1_TrustedConsumer, TrustedConsumer__Output as _rekey_v1_TrustedConsumer__Output } from '../../rekey/v1/TrustedConsumer.ts';

export interface TrustRegistryRequest {
  'consumers'?: (_rekey_v1_TrustedConsumer)[];
  'keepGrants'?: (boolean);
}

export interface TrustRegistryRequest__Output {
  'consumers': (_rekey_v1_TrustedConsumer__Output)[];
  'keepGrants': (boolean);
}
