// Original file: ../../proto/rekey/v1/system.proto


export interface AdoptLedgerRequest {
  'ledgerId'?: (string);
}

export interface AdoptLedgerRequest__Output {
  'ledgerId': (string);
}
