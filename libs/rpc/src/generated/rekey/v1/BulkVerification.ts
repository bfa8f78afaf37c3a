// Original file: ../../proto/rekey/v1/bulk.proto


export interface BulkVerification {
  'verified'?: (number);
  'repaired'?: (number);
  'unverified'?: (number);
  'differingAssistantIds'?: (string)[];
}

export interface BulkVerification__Output {
  'verified': (number);
  'repaired': (number);
  'unverified': (number);
  'differingAssistantIds': (string)[];
}
