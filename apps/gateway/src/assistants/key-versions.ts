import type { PastVersion } from '@rekey/ledger';
import { Cause, CurrentEvent } from '@rekey/schema';
import { parseEvent } from './published-record.ts';

/**
 * The versions of an assistant, newest first. Of one that was published before Rekey kept its versions, the
 * current one is known.
 */
export const versionsOf = (history: readonly PastVersion[], { event }: { event: string }): PastVersion[] => {
  const { data } = parseEvent(CurrentEvent, event);
  if (history.some(({ version }) => version === data.version)) return [...history];
  const cause = Cause.safeParse(data.cause).data;
  const current: PastVersion = {
    version: data.version,
    publishedMs: Date.parse(data.updated_at),
    ...(cause && { cause }),
    ...(data.fingerprint === null && { removal: data.removal }),
    ...(data.rotation_id !== null && { rotationId: data.rotation_id }),
    ...(data.bulk_rotation_id !== null && { bulkId: data.bulk_rotation_id }),
  };
  return [current, ...history].toSorted((a, b) => b.version - a.version);
};
