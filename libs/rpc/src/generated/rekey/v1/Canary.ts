// Original file: ../../proto/rekey/v1/bulk.proto


export interface Canary {
  'count'?: (number);
  'continues'?: (boolean);
  'awaitsConsumers'?: (boolean);
}

export interface Canary__Output {
  'count': (number);
  'continues': (boolean);
  'awaitsConsumers': (boolean);
}
