// Original file: ../../proto/rekey/v1/event.proto

import type { Long } from '@grpc/proto-loader';

export interface SkippedRange {
  'firstSeq'?: (number | string | Long);
  'lastSeq'?: (number | string | Long);
  'run'?: (number | string | Long);
}

export interface SkippedRange__Output {
  'firstSeq': (string);
  'lastSeq': (string);
  'run': (string);
}
