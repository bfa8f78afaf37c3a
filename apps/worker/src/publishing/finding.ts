import type { UpstreamRecord } from '@rekey/invent';
import type { Removal } from '@rekey/schema';

/** What is to be published: a record with the key in force, or the reason why there is none. */
export type Finding = { record: UpstreamRecord; secretKey: string } | { removal: Removal };

/** What a record says of the key. */
export const findingOf = (record: UpstreamRecord): Finding => {
  if (record.deleted) return { removal: 'deleted' };
  return record.secretKey === undefined ? { removal: 'no-key' } : { record, secretKey: record.secretKey };
};
