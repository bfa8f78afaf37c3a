// Original file: ../../proto/rekey/v1/access.proto


export interface RevokeTokenRequest {
  'tokenName'?: (string);
}

export interface RevokeTokenRequest__Output {
  'tokenName': (string);
}
