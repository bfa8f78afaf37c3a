// Original file: ../../proto/rekey/v1/bulk.proto

import type { Long } from '@grpc/proto-loader';

export interface BulkList {
  'incomplete'?: (boolean);
  'listedCount'?: (number);
  'inventCount'?: (number | string | Long);
  'unreadableCount'?: (number);
  '_inventCount'?: "inventCount";
}

export interface BulkList__Output {
  'incomplete': (boolean);
  'listedCount': (number);
  'inventCount'?: (string);
  'unreadableCount': (number);
  '_inventCount'?: "inventCount";
}
