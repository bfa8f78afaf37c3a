// Original file: ../../proto/rekey/v1/consumer.proto


export interface RemoveConsumerResponse {
}

export interface RemoveConsumerResponse__Output {
}
