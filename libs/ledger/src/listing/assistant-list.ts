import type { Connection } from '../connection.ts';
import type { IndexName } from '../keys.ts';
import type { Place } from './list-source.ts';
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
  /** An index cannot be read: what it lists is missing. */
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

/** A page of assistants, from indexes and the hashes of what they name. */
export const listAssistants = async (
  connection: Connection,
  query: AssistantQuery,
  { size, after }: { size: number; after?: Place | undefined },
): Promise<AssistantPage> => {
  const index = indexOf(query);
  const sources = new MergedSources(
    connection,
    query.orgIds,
    {
      index,
      isDown: query.order === 'newest-key' || query.order === 'last-change',
      minScore: index === 'change' ? query.changedFromMs : undefined,
      belowScore: index === 'age' ? query.keyBeforeMs : undefined,
      idPrefix: query.idPrefix,
    },
    after,
  );
  const found: ListedAssistant[] = [];
  const damaged = (): object => (sources.isDamaged ? { damaged: true } : {});
  let last: Candidate | undefined;
  for (let examined = 0; examined < MAX_EXAMINED;) {
    const wanted = examined === 0 ? size : Math.max(size - found.length, READ_AT_ONCE);
    const candidates = await sources.next(Math.min(wanted, MAX_EXAMINED - examined));
    const read = await readListed(
      connection,
      candidates.map(({ id }) => id),
    );
    for (const [i, one] of read.entries()) {
      last = candidates[i]!;
      const isThere = one?.orgId === last.orgId && one.removal !== 'deleted';
      if (isThere && matches(query, one) && found.push(one) === size)
        return { assistants: found, next: placeOf(last), ...damaged() };
    }
    if (candidates.length < Math.min(wanted, MAX_EXAMINED - examined))
      return { assistants: found, ...damaged() };
    examined += candidates.length;
  }
  return { assistants: found, next: placeOf(last!), ...damaged() };
};

const placeOf = ({ score, id }: Candidate): Place => ({ score, id });
