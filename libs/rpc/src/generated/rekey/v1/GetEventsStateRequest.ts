// Original file: ../../proto/rekey/v1/event.proto


export interface GetEventsStateRequest {
  'consumer'?: (string);
  'after'?: (string);
  'withLastEntries'?: (boolean);
}

export interface GetEventsStateRequest__Output {
  'consumer': (string);
  'after': (string);
  'withLastEntries': (boolean);
}
