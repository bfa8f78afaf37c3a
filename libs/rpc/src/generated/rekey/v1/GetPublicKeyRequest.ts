// Original file: ../../proto/rekey/v1/consumer.proto


export interface GetPublicKeyRequest {
}

export interface GetPublicKeyRequest__Output {
}
