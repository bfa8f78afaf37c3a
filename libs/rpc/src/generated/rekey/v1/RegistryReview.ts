// Original file: ../../proto/rekey/v1/consumer.proto

import type { ReviewedConsumer as _rekey_v1_ReviewedConsumer, ReviewedConsumer__Output as _rekey_v1_ReviewedConsumer__Output } from '../../rekey/v1/ReviewedConsumer.ts';
import type { Long } from '@grpc/proto-loader';

export interface RegistryReview {
  'consumers'?: (_rekey_v1_ReviewedConsumer)[];
  'otherCount'?: (number | string | Long);
}

export interface RegistryReview__Output {
  'consumers': (_rekey_v1_ReviewedConsumer__Output)[];
  'otherCount': (string);
}
