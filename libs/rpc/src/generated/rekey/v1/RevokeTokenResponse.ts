// Original file: ../../proto/rekey/v1/access.proto


export interface RevokeTokenResponse {
}

export interface RevokeTokenResponse__Output {
}
