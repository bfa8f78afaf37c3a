// Original file: ../../proto/rekey/v1/bulk.proto


export interface BulkCounts {
  'total'?: (number);
  'waiting'?: (number);
  'rotating'?: (number);
  'unknown'?: (number);
  'succeeded'?: (number);
  'shared'?: (number);
  'failed'?: (number);
  'cancelled'?: (number);
  'valid'?: (number);
  'duplicates'?: (number);
}

export interface BulkCounts__Output {
  'total': (number);
  'waiting': (number);
  'rotating': (number);
  'unknown': (number);
  'succeeded': (number);
  'shared': (number);
  'failed': (number);
  'cancelled': (number);
  'valid': (number);
  'duplicates': (number);
}
