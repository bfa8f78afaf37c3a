// Original file: ../../proto/rekey/v1/assistant.proto


export interface GetAssistantRequest {
  'assistantId'?: (string);
}

export interface GetAssistantRequest__Output {
  'assistantId': (string);
}
