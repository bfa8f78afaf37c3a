import { ORG_ALIAS } from '@rekey/schema';
import type { Connection } from '../../connection.ts';
import { listingCommands } from '../commands.generated.ts';
import { commandRange, isById, tokenPlace, type Place } from '../list-source.ts';
import type { ListedAssistant } from '../listed-assistant.ts';
import {
  MAX_EXAMINED,
  READ_AT_ONCE,
  judge,
  rangeOfQuery,
  type AssistantPage,
  type AssistantQuery,
  type PageRequest,
} from './assistant-query.ts';

/** With a filter that Redis applies itself. It stops at the end of the page, and takes less than a ms. */
const FILTERED_AT_ONCE = 250;
/** The lines of an entry: fields of its hash, its id, and its score. */
const LINES = 9;
const ID_AT = 7;

const PLAIN_TEXT = /^[\w-]{0,256}$/;
const isPlain = (text: string | undefined): boolean => text === undefined || PLAIN_TEXT.test(text);

/** The org whose index is read, and `c` if it is listed with it; undefined of other orgs. */
const orgsOf = (orgIds: readonly string[]): [string, string | undefined] | undefined => {
  const [orgId, another] = orgIds.filter((id) => id !== ORG_ALIAS);
  if (another !== undefined) return undefined;
  if (orgId === undefined) return orgIds.length === 1 ? [ORG_ALIAS, undefined] : undefined;
  return [orgId, orgIds.length > 1 ? ORG_ALIAS : undefined];
};

/** Reads on in the index of one org. */
const createReader = (
  { run }: Connection,
  query: AssistantQuery,
  [orgId, other]: [string, string | undefined],
) => {
  const range = rangeOfQuery(query);
  const { readIndex } = listingCommands(run);
  const about = {
    index: range.index,
    org: encodeURIComponent(orgId),
    other,
    by: isById(range.index) ? ('lex' as const) : ('score' as const),
    isDown: range.isDown,
    idPrefix: query.idPrefix,
    isUncertain: query.uncertain === true,
    keyBefore: query.keyBeforeMs,
  };
  return async (after: Place | undefined, count: number, wanted: number) => {
    const { from, to } = commandRange(range, after);
    const afterId = about.by === 'score' ? after?.id : undefined;
    const afterScore = about.by === 'score' ? after?.score : undefined;
    const again = afterId === undefined ? 0 : 1;
    const reply = await readIndex({ ...about, from, to, count: count + again, wanted, afterId, afterScore });
    if (reply.kind === 'other') return undefined;
    const { examined, isEnd, lastId, lastScore, found } = reply;
    const last = lastId === undefined ? undefined : { score: Number(lastScore), id: lastId };
    return { examined, isEnd, last, found };
  };
};

/** How many entries are read next. */
const countOf = (
  { idPrefix, uncertain, keyBeforeMs, order }: AssistantQuery,
  examined: number,
  missing: number,
) => {
  const isByScore = order !== 'id';
  const isChecked =
    (idPrefix !== undefined && isByScore) || (uncertain && isByScore) || keyBeforeMs !== undefined;
  const wanted = isChecked ? FILTERED_AT_ONCE : examined === 0 ? missing : Math.max(missing, READ_AT_ONCE);
  return Math.min(wanted, MAX_EXAMINED - examined);
};

/**
 * A page of one org, which one command reads: index and hashes at one moment. Undefined if an entry is not as
 * Rekey writes it, or its id has other characters than letters, digits, `_` and `-`: then `listAssistants`
 * reads the page step by step. Where this one answers, both answer the same.
 */
export const quickPage = async (
  connection: Connection,
  query: AssistantQuery,
  { size, after }: PageRequest,
): Promise<AssistantPage | undefined> => {
  const orgs = orgsOf(query.orgIds);
  if (orgs === undefined || !isPlain(query.idPrefix) || !isPlain(after?.id)) return undefined;
  const read = createReader(connection, query, orgs);
  const assistants: ListedAssistant[] = [];
  let isWrong = false;
  const { isDown } = rangeOfQuery(query);
  const pageUntil = (last: Place | undefined): AssistantPage => {
    const next = last && tokenPlace(last, isDown);
    return { assistants, ...(next && { next }), ...(isWrong && { damaged: true }) };
  };
  let from = after;
  for (let examined = 0; ;) {
    const missing = size - assistants.length;
    const part = await read(from, countOf(query, examined, missing), Math.max(missing, READ_AT_ONCE));
    if (part === undefined) return undefined;
    for (const text of part.found) {
      const lines = text.split('\n');
      // A field that another client has written has several lines.
      if (lines.length !== LINES) return undefined;
      const [assistantId, score] = [lines[ID_AT]!, Number(lines[ID_AT + 1])];
      const one = judge(query, { orgId: orgs[0], assistantId }, lines);
      isWrong ||= one === 'wrong';
      if (typeof one === 'object' && assistants.push(one) === size)
        return pageUntil({ score, id: assistantId });
    }
    if (part.isEnd) return pageUntil(undefined);
    examined += part.examined;
    from = part.last ?? from;
    if (examined >= MAX_EXAMINED) return pageUntil(from);
  }
};
