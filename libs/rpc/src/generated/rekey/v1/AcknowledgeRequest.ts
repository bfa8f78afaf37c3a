// Original file: ../../proto/rekey/v1/event.proto


export interface AcknowledgeRequest {
  'consumer'?: (string);
  'ack'?: (string);
  'proof'?: (string);
  'redisRunId'?: (string);
}

export interface AcknowledgeRequest__Output {
  'consumer': (string);
  'ack': (string);
  'proof': (string);
  'redisRunId': (string);
}
