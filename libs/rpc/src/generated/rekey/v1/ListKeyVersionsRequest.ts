// Original file: ../../proto/rekey/v1/assistant.proto


export interface ListKeyVersionsRequest {
  'assistantId'?: (string);
}

export interface ListKeyVersionsRequest__Output {
  'assistantId': (string);
}
