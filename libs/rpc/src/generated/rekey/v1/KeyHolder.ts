// Original file: ../../proto/rekey/v1/assistant.proto

import type { _rekey_v1_ConsumerReach_State, _rekey_v1_ConsumerReach_State__Output } from '../../rekey/v1/ConsumerReach.ts';
import type { Long } from '@grpc/proto-loader';

export interface KeyHolder {
  'consumer'?: (string);
  'state'?: (_rekey_v1_ConsumerReach_State);
  'version'?: (number | string | Long);
}

export interface KeyHolder__Output {
  'consumer': (string);
  'state': (_rekey_v1_ConsumerReach_State__Output);
  'version': (string);
}
