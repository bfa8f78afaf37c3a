// Original file: ../../proto/rekey/v1/system.proto


export interface UnfreezeRequest {
}

export interface UnfreezeRequest__Output {
}
