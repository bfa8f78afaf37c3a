// Original file: ../../proto/rekey/v1/assistant.proto

import type { Org as _rekey_v1_Org, Org__Output as _rekey_v1_Org__Output } from '../../rekey/v1/Org.ts';

export interface ListOrgsResponse {
  'orgs'?: (_rekey_v1_Org)[];
  'nextPageToken'?: (string);
  'incomplete'?: (boolean);
}

export interface ListOrgsResponse__Output {
  'orgs': (_rekey_v1_Org__Output)[];
  'nextPageToken': (string);
  'incomplete': (boolean);
}
