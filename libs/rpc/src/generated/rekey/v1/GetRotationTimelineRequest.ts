// Original file: ../../proto/rekey/v1/rotation.proto


export interface GetRotationTimelineRequest {
  'id'?: (string);
}

export interface GetRotationTimelineRequest__Output {
  'id': (string);
}
