// Original file: ../../proto/rekey/v1/rotation.proto


// Original file: ../../proto/rekey/v1/rotation.proto

export const _rekey_v1_ConsumerReach_State = {
  STATE_UNSPECIFIED: 'STATE_UNSPECIFIED',
  ACKNOWLEDGED: 'ACKNOWLEDGED',
  PENDING: 'PENDING',
  GONE: 'GONE',
  UNAPPLIED: 'UNAPPLIED',
} as const;

export type _rekey_v1_ConsumerReach_State =
  | 'STATE_UNSPECIFIED'
  | 0
  | 'ACKNOWLEDGED'
  | 1
  | 'PENDING'
  | 2
  | 'GONE'
  | 3
  | 'UNAPPLIED'
  | 4

export type _rekey_v1_ConsumerReach_State__Output = typeof _rekey_v1_ConsumerReach_State[keyof typeof _rekey_v1_ConsumerReach_State]

export interface ConsumerReach {
  'consumer'?: (string);
  'state'?: (_rekey_v1_ConsumerReach_State);
}

export interface ConsumerReach__Output {
  'consumer': (string);
  'state': (_rekey_v1_ConsumerReach_State__Output);
}
