// Original file: ../../proto/rekey/v1/consumer.proto

import type { Long } from '@grpc/proto-loader';

export interface Registry {
  'registryRev'?: (number | string | Long);
  'laggingWorkers'?: (string)[];
  'workers'?: (string)[];
  'silentWorkers'?: (string)[];
}

export interface Registry__Output {
  'registryRev': (string);
  'laggingWorkers': (string)[];
  'workers': (string)[];
  'silentWorkers': (string)[];
}
