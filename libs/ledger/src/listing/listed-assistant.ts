import type { Removal } from '@rekey/schema';
import type { Connection } from '../connection.ts';
import { isWrongType } from '../scripts/run.ts';

/** What a list says of an assistant, from its hash. Times are Redis time, in ms since 1970. */
export interface ListedAssistant {
  assistantId: string;
  /** The org id that it was last published under; `c` may be stored. */
  orgId: string;
  version: number;
  /** Absent if there is no key. */
  fingerprint?: string;
  removal?: Removal;
  /** When its last version was published. */
  publishedMs: number;
  /** When its key was made at the earliest; undefined if that is unknown, or there is no key. */
  keyMs?: number;
  isUncertain: boolean;
  /** The entry of its last version in the stream of events. */
  entry: string;
}

const FIELDS = ['org', 'version', 'fingerprint', 'rotated', 'known', 'entry', 'uncertain'];
const MOMENT = /^\d{1,15}$/;
const VERSION = /^\d{1,16}$/;
const ENTRY = /^\d{1,19}-\d{1,19}$/;
/** After all entries of its millisecond. */
const LAST_OF_MS = '9999999999999999999';
const MAX_FINGERPRINT = 200;

/** Undefined unless a version of it is published. A hash that Rekey does not write shows nothing. */
const parseHash = (
  assistantId: string,
  [org, version, state, rotated, known, entry, uncertain]: (string | null)[],
): ListedAssistant | undefined => {
  if (!org || !VERSION.test(version ?? '') || !state || !MOMENT.test(known ?? '')) return undefined;
  if (!Number.isSafeInteger(Number(version)) || state.length > MAX_FINGERPRINT) return undefined;
  const isKey = state.includes(':');
  if (!isKey && state !== 'no-key' && state !== 'deleted') return undefined;
  return {
    assistantId,
    orgId: orgOf(org),
    version: Number(version),
    ...(isKey ? { fingerprint: state } : { removal: state as Removal }),
    publishedMs: Number(known),
    ...(isKey && MOMENT.test(rotated ?? '') && { keyMs: Number(rotated) }),
    isUncertain: uncertain !== null && uncertain !== '',
    // Earlier versions of Rekey did not note the entry.
    entry: ENTRY.test(entry ?? '') ? entry! : `${known}-${LAST_OF_MS}`,
  };
};

/** An org id that is percent-encoded. */
export const orgOf = (encoded: string): string => {
  try {
    return decodeURIComponent(encoded);
  } catch {
    return encoded;
  }
};

/**
 * What the ledger knows of assistants, in one call; undefined for those without a version, and for hashes
 * that cannot be read.
 */
export const readListed = async (
  { redis, keys }: Pick<Connection, 'redis' | 'keys'>,
  assistantIds: readonly string[],
): Promise<(ListedAssistant | undefined)[]> => {
  if (assistantIds.length === 0) return [];
  const pipeline = redis.pipeline();
  for (const assistantId of assistantIds) pipeline.hmget(keys.assistant(assistantId), ...FIELDS);
  const replies = (await pipeline.exec()) ?? [];
  return replies.map(([error, reply], i) => {
    if (error && !isWrongType(error)) throw error;
    return error ? undefined : parseHash(assistantIds[i]!, reply as (string | null)[]);
  });
};
