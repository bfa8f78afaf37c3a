// Original file: ../../proto/rekey/v1/activity.proto


export interface ActivityField {
  'name'?: (string);
  'value'?: (string);
}

export interface ActivityField__Output {
  'name': (string);
  'value': (string);
}
