import { StoredId } from '@rekey/schema';
import type { Connection } from '../connection.ts';
import type { IndexName } from '../keys.ts';
import { tokenPlace, type Place } from './list-source.ts';
import { readListed, type ListedAssistant } from './listed-assistant.ts';
import { MergedSources, type Candidate } from './merged-sources.ts';

/** By id; by the age of the key; by the last change. */
export type AssistantOrder = 'id' | 'oldest-key' | 'newest-key' | 'last-change';

export interface AssistantQuery {
  /** As they are stored: `c` too. */
  orgIds: readonly string[];
  order: AssistantOrder;
  /** Ids that begin so. */
  idPrefix?: string | undefined;
  /** With a key that was made before this moment, or that may have been: its age is unknown. */
  keyBeforeMs?: number | undefined;
  uncertain?: boolean | undefined;
  /** Changed at this moment or later. */
  changedFromMs?: number | undefined;
  /** What else they must fulfil. */
  matches?: ((assistant: ListedAssistant) => boolean) | undefined;
}

export interface AssistantPage {
  assistants: ListedAssistant[];
  /** Set if more may follow, also after an empty page. */
  next?: Place;
  /** An index cannot be read, or has entries that are wrong: assistants may be missing. */
  damaged?: true;
}

/** A page looks at no more assistants than this, however few of them the filter lets through. */
const MAX_EXAMINED = 1000;
const READ_AT_ONCE = 100;

const indexOf = ({ order, uncertain }: AssistantQuery): IndexName => {
  if (order === 'id') return uncertain ? 'uncertain' : 'id';
  return order === 'last-change' ? 'change' : 'age';
};

const matches = (
  { idPrefix, keyBeforeMs, uncertain, changedFromMs, matches: fulfils }: AssistantQuery,
  one: ListedAssistant,
): boolean => {
  if (idPrefix !== undefined && !one.assistantId.startsWith(idPrefix)) return false;
  if (uncertain && !one.isUncertain) return false;
  if (keyBeforeMs !== undefined && (one.fingerprint === undefined || (one.keyMs ?? -Infinity) >= keyBeforeMs))
    return false;
  if (changedFromMs !== undefined && Number(one.entry.split('-')[0]) < changedFromMs) return false;
  return fulfils?.(one) ?? true;
};

/** The assistant that an entry names; undefined if it can name none. */
const assistantOf = ({ id }: Place): string | undefined => {
  if (PLAIN_ID.test(id)) return id;
  const text = Buffer.from(id, 'latin1').toString();
  return StoredId.safeParse(text).success && Buffer.from(text).toString('latin1') === id ? text : undefined;
};
const PLAIN_ID = /^[\w-]{1,256}$/;

/** What the hashes say of the entries of indexes; undefined for those that are wrong. */
const readCandidates = async (
  connection: Connection,
  candidates: readonly Candidate[],
): Promise<(ListedAssistant | undefined)[]> => {
  const ids = candidates.map(assistantOf);
  const named = ids.filter((id) => id !== undefined);
  const read = (await readListed(connection, named)).values();
  return ids.map((id, i) => {
    const one = id === undefined ? undefined : read.next().value;
    return one?.orgId === candidates[i]!.orgId && one.removal !== 'deleted' ? one : undefined;
  });
};

/** A page of assistants, from indexes and the hashes of what they name. */
export const listAssistants = async (
  connection: Connection,
  query: AssistantQuery,
  { size, after }: { size: number; after?: Place | undefined },
): Promise<AssistantPage> => {
  const index = indexOf(query);
  const isDown = query.order === 'newest-key' || query.order === 'last-change';
  const range = {
    index,
    isDown,
    minScore: index === 'change' ? query.changedFromMs : undefined,
    belowScore: index === 'age' ? query.keyBeforeMs : undefined,
    idPrefix: query.idPrefix,
  };
  const sources = new MergedSources(connection, query.orgIds, range, after);
  const assistants: ListedAssistant[] = [];
  let isWrong = false;
  const pageUntil = (last: Candidate | undefined): AssistantPage => {
    const next = last && tokenPlace({ score: last.score, id: last.id }, isDown);
    return { assistants, ...(next && { next }), ...((isWrong || sources.isDamaged) && { damaged: true }) };
  };
  for (let examined = 0; ;) {
    const wanted = examined === 0 ? size : Math.max(size - assistants.length, READ_AT_ONCE);
    const count = Math.min(wanted, MAX_EXAMINED - examined);
    const candidates = await sources.next(count);
    for (const [i, one] of (await readCandidates(connection, candidates)).entries()) {
      isWrong ||= one === undefined;
      if (one && matches(query, one) && assistants.push(one) === size) return pageUntil(candidates[i]);
    }
    if (candidates.length < count) return pageUntil(undefined);
    examined += candidates.length;
    if (examined >= MAX_EXAMINED) return pageUntil(candidates.at(-1));
  }
};
