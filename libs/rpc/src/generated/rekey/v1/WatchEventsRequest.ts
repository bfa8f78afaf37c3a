// Original file: ../../proto/rekey/v1/event.proto


export interface WatchEventsRequest {
  'consumer'?: (string);
  'after'?: (string);
}

export interface WatchEventsRequest__Output {
  'consumer': (string);
  'after': (string);
}
