import type { IndexName } from '../../keys.ts';
import type { Place, SourceRange } from '../list-source.ts';
import { isMoment, orgOf, parseHash, type HashFields, type ListedAssistant } from '../listed-assistant.ts';

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

/** Which page: of how many assistants, after which place. */
export interface PageRequest {
  size: number;
  after?: Place | undefined;
}

export interface AssistantPage {
  assistants: ListedAssistant[];
  /** Set if more may follow, also after an empty page. */
  next?: Place;
  /** An index cannot be read, or has entries that are wrong: assistants may be missing. */
  damaged?: true;
}

/** A page looks at no more assistants than this, however few of them the filter lets through. */
export const MAX_EXAMINED = 1000;
/** How many of them are read at once at least, after the first ones. */
export const READ_AT_ONCE = 100;

const indexOf = ({ order, uncertain }: AssistantQuery): IndexName => {
  if (order === 'id') return uncertain ? 'uncertain' : 'id';
  return order === 'last-change' ? 'change' : 'age';
};

/** The part of an index that has everything that a query asks for. */
export const rangeOfQuery = (query: AssistantQuery): SourceRange => {
  const index = indexOf(query);
  return {
    index,
    isDown: query.order === 'newest-key' || query.order === 'last-change',
    minScore: index === 'change' ? query.changedFromMs : undefined,
    belowScore: index === 'age' ? query.keyBeforeMs : undefined,
    idPrefix: query.idPrefix,
  };
};

/** Whether an assistant fulfils a query. */
const isWanted = (
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

/** Whether the fields that a filter is about exclude an assistant of this org, whatever the others say. */
const isExcluded = (
  { uncertain, keyBeforeMs }: AssistantQuery,
  orgId: string,
  [org, , state, rotated, , , uncertainAt]: HashFields,
): boolean => {
  if ((!uncertain && keyBeforeMs === undefined) || orgOf(org ?? '') !== orgId) return false;
  if (uncertain && !uncertainAt) return true;
  if (keyBeforeMs === undefined) return false;
  return (
    state === 'no-key' || (!!state?.includes(':') && isMoment(rotated) && Number(rotated) >= keyBeforeMs)
  );
};

/**
 * What a hash says of an entry in the index of an org: an assistant that fulfils the query, `excluded` for
 * one that does not, or `wrong`: the entry should not be there, or the hash cannot be read.
 */
export const judge = (
  query: AssistantQuery,
  { orgId, assistantId }: { orgId: string; assistantId: string },
  fields: HashFields,
): ListedAssistant | 'excluded' | 'wrong' => {
  if (isExcluded(query, orgId, fields)) return 'excluded';
  const one = parseHash(assistantId, fields);
  if (one?.orgId !== orgId || one.removal === 'deleted') return 'wrong';
  return isWanted(query, one) ? one : 'excluded';
};
