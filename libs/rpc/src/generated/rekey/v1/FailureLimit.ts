// Original file: ../../proto/rekey/v1/bulk.proto


export interface FailureLimit {
  'count'?: (number);
  'percent'?: (number | string);
  'limit'?: "count"|"percent";
}

export interface FailureLimit__Output {
  'count'?: (number);
  'percent'?: (number);
  'limit'?: "count"|"percent";
}
