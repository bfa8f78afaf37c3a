// Original file: ../../proto/rekey/v1/event.proto


export interface AcknowledgeResponse {
}

export interface AcknowledgeResponse__Output {
}
