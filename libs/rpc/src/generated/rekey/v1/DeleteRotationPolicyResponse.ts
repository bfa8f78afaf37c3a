// Original file: ../../proto/rekey/v1/policy.proto


export interface DeleteRotationPolicyResponse {
}

export interface DeleteRotationPolicyResponse__Output {
}
