// Original file: ../../proto/rekey/v1/access.proto


export interface WhoAmIRequest {
}

export interface WhoAmIRequest__Output {
}
