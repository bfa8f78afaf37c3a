// Original file: ../../proto/rekey/v1/sweep.proto


export interface SweepCounts {
  'requests'?: (number);
  'compared'?: (number);
  'agreed'?: (number);
  'imported'?: (number);
  'adopted'?: (number);
  'removed'?: (number);
  'held'?: (number);
  'unresolved'?: (number);
}

export interface SweepCounts__Output {
  'requests': (number);
  'compared': (number);
  'agreed': (number);
  'imported': (number);
  'adopted': (number);
  'removed': (number);
  'held': (number);
  'unresolved': (number);
}
