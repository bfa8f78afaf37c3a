// Original file: ../../proto/rekey/v1/consumer.proto


export interface ListConsumersRequest {
}

export interface ListConsumersRequest__Output {
}
