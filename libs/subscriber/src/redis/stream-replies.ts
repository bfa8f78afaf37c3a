import { NOWHERE, type StreamFacts, type StreamItem } from '../source.ts';
import { isErrorReply, replyCode } from './replies.ts';

type Entry = readonly [string, readonly string[]];

/** The field `event` of a stream entry. */
const textOf = (fields: readonly string[]): string | null => {
  const at = fields.indexOf('event');
  return at % 2 === 0 ? (fields[at + 1] ?? null) : null;
};

export const itemsOf = (entries: readonly Entry[]): StreamItem[] =>
  entries.map(([id, fields]) => ({ kind: 'entry', id, text: textOf(fields) }));

export const sizeOf = (entries: readonly Entry[]): { count: number; chars: number } => ({
  count: entries.length,
  chars: entries.reduce((sum, [, fields]) => sum + (textOf(fields)?.length ?? 0), 0),
});

/**
 * The facts of XINFO STREAM; undefined if it says nothing. Redis answers ERR if there is no stream. XTRIM does
 * not update `max-deleted-entry-id`, so missing entries only show in the id of the last entry.
 */
export const factsOf = (info: unknown): StreamFacts | undefined => {
  if (isErrorReply(info))
    return replyCode(info) === 'ERR' ? { lastId: NOWHERE.id, lastEntryId: NOWHERE.id } : undefined;
  if (!Array.isArray(info)) return undefined;
  const fact = (name: string): unknown => info[info.indexOf(name) + 1];
  const last = fact('last-entry');
  return {
    lastId: String(fact('last-generated-id')),
    lastEntryId: Array.isArray(last) ? String(last[0]) : NOWHERE.id,
  };
};
