// Original file: ../../proto/rekey/v1/system.proto


export interface LedgerHoldings {
  'assistantCount'?: (number);
  'consumerCount'?: (number);
  'policyCount'?: (number);
}

export interface LedgerHoldings__Output {
  'assistantCount': (number);
  'consumerCount': (number);
  'policyCount': (number);
}
