// Original file: ../../proto/rekey/v1/system.proto

import type { Long } from '@grpc/proto-loader';

export interface RegistryStatus {
  'registryRev'?: (number | string | Long);
  'noMemory'?: (boolean);
}

export interface RegistryStatus__Output {
  'registryRev': (string);
  'noMemory': (boolean);
}
