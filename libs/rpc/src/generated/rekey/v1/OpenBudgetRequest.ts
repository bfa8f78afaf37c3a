// Original file: ../../proto/rekey/v1/system.proto


export interface OpenBudgetRequest {
  'egress'?: (string);
}

export interface OpenBudgetRequest__Output {
  'egress': (string);
}
