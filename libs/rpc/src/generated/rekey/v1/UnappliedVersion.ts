// Original file: ../../proto/rekey/v1/consumer.proto

import type { Long } from '@grpc/proto-loader';

export interface UnappliedVersion {
  'assistantId'?: (string);
  'version'?: (number | string | Long);
  'why'?: (string);
}

export interface UnappliedVersion__Output {
  'assistantId': (string);
  'version': (string);
  'why': (string);
}
