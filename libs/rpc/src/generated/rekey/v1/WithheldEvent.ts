// Original file: ../../proto/rekey/v1/event.proto

import type { Long } from '@grpc/proto-loader';

export interface WithheldEvent {
  'assistantId'?: (string);
  'version'?: (number | string | Long);
  'seq'?: (number | string | Long);
  'run'?: (number | string | Long);
}

export interface WithheldEvent__Output {
  'assistantId': (string);
  'version': (string);
  'seq': (string);
  'run': (string);
}
