// Original file: ../../proto/rekey/v1/consumer.proto

import type { Long } from '@grpc/proto-loader';

export interface RemoveConsumerResponse {
  'registryRev'?: (number | string | Long);
}

export interface RemoveConsumerResponse__Output {
  'registryRev': (string);
}
