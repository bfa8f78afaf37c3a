import type { Removal } from '@rekey/schema';
import type { Connection } from '../connection.ts';
import type { IndexName } from '../keys.ts';
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

/** The fields that `parseHash` reads, in this order. */
const FIELDS = ['org', 'version', 'fingerprint', 'rotated', 'known', 'entry', 'uncertain'];
const VERSION = /^\d{1,16}$/;
const ENTRY = /^\d{1,19}-\d{1,19}$/;
/** Of a version that is this much later than its entry, the entry is not noted: see lua/listed.lua. */
const LATER_MS = 1000;
/** After all entries of its millisecond. */
const LAST_OF_MS = '9999999999999999999';
const MAX_FINGERPRINT = 200;
/** Percent-encoded. */
const MAX_ORG = 800;
/** Of the fields of a hash. */
const MAX_CHARACTERS = 8192;

/** The last moment of year 9999, the last that a timestamp of the contract may have. */
export const MAX_TIME_MS = 253_402_300_799_999;
/** A moment that Rekey can have written. */
export const isMoment = (text: string | null | undefined): text is string =>
  /^\d{1,15}$/.test(text ?? '') && Number(text) <= MAX_TIME_MS;

/** Undefined unless a version of it is published. A hash that Rekey does not write shows nothing. */
export const parseHash = (
  assistantId: string,
  [org, version, state, rotated, known, entry, uncertain]: HashFields,
): ListedAssistant | undefined => {
  if (!org || org.length > MAX_ORG || !VERSION.test(version ?? '') || !state || !isMoment(known))
    return undefined;
  if (!Number.isSafeInteger(Number(version)) || state.length > MAX_FINGERPRINT) return undefined;
  const isKey = state.includes(':');
  if (!isKey && state !== 'no-key' && state !== 'deleted') return undefined;
  const publishedMs = Number(known);
  const one: ListedAssistant = {
    assistantId,
    orgId: orgOf(org),
    version: Number(version),
    publishedMs,
    isUncertain: !!uncertain,
    // Earlier versions of Rekey do not note the entry, and leave that of an earlier version as it is.
    entry:
      ENTRY.test(entry ?? '') && Number.parseInt(entry!, 10) + LATER_MS >= publishedMs
        ? entry!
        : `${known}-${LAST_OF_MS}`,
  };
  if (isKey) one.fingerprint = state;
  else one.removal = state as Removal;
  if (isKey && isMoment(rotated)) one.keyMs = Number(rotated);
  return one;
};

/** An org id that is percent-encoded. */
export const orgOf = (encoded: string): string => {
  if (!encoded.includes('%')) return encoded;
  try {
    return decodeURIComponent(encoded);
  } catch {
    return encoded;
  }
};

/** Fields of a hash in the order of `FIELDS`; none if it has another type. */
export type HashFields = readonly (string | null)[];

/** Whether they are longer than any that Rekey writes: one reply must not have many such hashes. */
export const areLong = (fields: HashFields): boolean =>
  fields.reduce((sum, field) => sum + (field?.length ?? 0), 0) > MAX_CHARACTERS;

/** Fields of the hashes of assistants, in one call. */
export const readHashes = async (
  { redis, keys }: Pick<Connection, 'redis' | 'keys'>,
  assistantIds: readonly string[],
): Promise<HashFields[]> => {
  if (assistantIds.length === 0) return [];
  const pipeline = redis.pipeline();
  for (const assistantId of assistantIds) pipeline.hmget(keys.assistant(assistantId), ...FIELDS);
  return fieldsOf((await pipeline.exec()) ?? []) as HashFields[];
};

const fieldsOf = (replies: readonly [Error | null, unknown][]): unknown[] =>
  replies.map(([error, reply]) => {
    if (error && !isWrongType(error)) throw error;
    return error ? [] : reply;
  });

/** What the ledger knows of an assistant; undefined without a version, or if its hash cannot be read. */
export const readListed = async (
  connection: Pick<Connection, 'redis' | 'keys'>,
  assistantId: string,
): Promise<ListedAssistant | undefined> => {
  const [fields = []] = await readHashes(connection, [assistantId]);
  return parseHash(assistantId, fields);
};

/** Fields of hashes, and whether an index of an org still has each assistant: both at one moment. */
export const readHashesIn = async (
  { redis, keys }: Pick<Connection, 'redis' | 'keys'>,
  index: IndexName,
  entries: readonly { orgId: string; assistantId: string }[],
): Promise<{ isListed: boolean; fields: HashFields }[]> => {
  if (entries.length === 0) return [];
  const reading = redis.multi();
  for (const { orgId, assistantId } of entries) {
    reading.zscore(keys.index(index, orgId), assistantId);
    reading.hmget(keys.assistant(assistantId), ...FIELDS);
  }
  const replies = fieldsOf((await reading.exec()) ?? []);
  return entries.map((_, i) => ({
    // An index of another type says nothing.
    isListed: replies[2 * i] !== null,
    fields: replies[2 * i + 1] as HashFields,
  }));
};
