import { StoredId } from '@rekey/schema';
import type { Connection } from '../connection.ts';
import { tokenPlace, type Place } from './list-source.ts';
import { areLong, readHashes, readHashesIn, type ListedAssistant } from './listed-assistant.ts';
import { MergedSources, type Candidate } from './merged-sources.ts';
import {
  MAX_EXAMINED,
  READ_AT_ONCE,
  judge,
  rangeOfQuery,
  type AssistantPage,
  type AssistantQuery,
  type PageRequest,
} from './pages/assistant-query.ts';
import { quickPage } from './pages/quick-page.ts';

/** The assistant that an entry names; undefined if it can name none. */
const assistantOf = ({ id }: Place): string | undefined => {
  if (PLAIN_ID.test(id)) return id;
  const text = Buffer.from(id, 'latin1').toString();
  return StoredId.safeParse(text).success && Buffer.from(text).toString('latin1') === id ? text : undefined;
};
const PLAIN_ID = /^[\w-]{1,256}$/;

/** What was read for an entry; `moved` if it was removed from its index since. */
type Read = ReturnType<typeof judge> | 'moved';

/** What the hashes say of the entries of indexes. */
const readCandidates = async (
  connection: Connection,
  query: AssistantQuery,
  candidates: readonly Candidate[],
): Promise<Read[]> => {
  const named = candidates.flatMap((candidate, i) => {
    const assistantId = assistantOf(candidate);
    return assistantId === undefined ? [] : [{ i, orgId: candidate.orgId, assistantId }];
  });
  const found = candidates.map((): Read => 'wrong');
  const ids = named.map(({ assistantId }) => assistantId);
  const hashes = await readHashes(connection, ids);
  named.forEach((entry, at) => (found[entry.i] = judge(query, entry, hashes[at]!)));
  // An assistant may have been published under another org, or deleted, since its entry was read.
  const doubtful = named.filter(({ i }, at) => found[i] === 'wrong' && !areLong(hashes[at]!));
  const again = await readHashesIn(connection, rangeOfQuery(query).index, doubtful);
  doubtful.forEach((entry, at) => {
    const { isListed, fields } = again[at]!;
    found[entry.i] = isListed ? judge(query, entry, fields) : 'moved';
  });
  return found;
};

/** How often a page is read from which assistants have moved meanwhile. */
const TRIES = 3;

interface PageRead {
  page: AssistantPage;
  /** An assistant was moved meanwhile: the page may lack it. */
  hasMoved: boolean;
}

const readInSteps = async (
  connection: Connection,
  query: AssistantQuery,
  { size, after }: PageRequest,
): Promise<PageRead> => {
  const range = rangeOfQuery(query);
  const sources = new MergedSources(connection, query.orgIds, range, after);
  const assistants: ListedAssistant[] = [];
  const prefix = Buffer.from(query.idPrefix ?? '').toString('latin1');
  let [isWrong, hasMoved] = [false, false];
  const pageUntil = (last: Candidate | undefined): PageRead => {
    const next = last && tokenPlace({ score: last.score, id: last.id }, range.isDown);
    const isDamaged = isWrong || sources.isDamaged;
    return { page: { assistants, ...(next && { next }), ...(isDamaged && { damaged: true }) }, hasMoved };
  };
  for (let examined = 0; ;) {
    const wanted = examined === 0 ? size : Math.max(size - assistants.length, READ_AT_ONCE);
    const count = Math.min(wanted, MAX_EXAMINED - examined);
    const candidates = await sources.next(count);
    // An entry whose id does not begin so is not of this list, whether or not it is right.
    const possible = candidates.filter(({ id }) => id.startsWith(prefix));
    for (const [i, one] of (await readCandidates(connection, query, possible)).entries()) {
      isWrong ||= one === 'wrong';
      hasMoved ||= one === 'moved';
      if (typeof one === 'object' && assistants.push(one) === size) return pageUntil(possible[i]);
    }
    if (candidates.length < count) return pageUntil(undefined);
    examined += candidates.length;
    if (examined >= MAX_EXAMINED) return pageUntil(candidates.at(-1));
  }
};

/** A page of assistants, from indexes and the hashes of what they name, in steps. */
export const pageInSteps = async (
  connection: Connection,
  query: AssistantQuery,
  request: PageRequest,
): Promise<AssistantPage> => {
  for (let tries = 1; ; tries += 1) {
    const { page, hasMoved } = await readInSteps(connection, query, request);
    if (!hasMoved) return page;
    if (tries === TRIES) return { ...page, damaged: true };
  }
};

/** A page of assistants, in one command if that can be. */
export const listAssistants = async (
  connection: Connection,
  query: AssistantQuery,
  page: PageRequest,
): Promise<AssistantPage> =>
  (await quickPage(connection, query, page)) ?? pageInSteps(connection, query, page);
