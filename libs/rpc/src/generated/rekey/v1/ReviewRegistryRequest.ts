// Original file: ../../proto/rekey/v1/consumer.proto


export interface ReviewRegistryRequest {
}

export interface ReviewRegistryRequest__Output {
}
