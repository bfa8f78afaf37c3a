// Original file: ../../proto/rekey/v1/consumer.proto

import type { Long } from '@grpc/proto-loader';

export interface GetRegistryRequest {
  'registryRev'?: (number | string | Long);
}

export interface GetRegistryRequest__Output {
  'registryRev': (string);
}
