import { NOWHERE } from './state.ts';

/** The field `event` of a stream entry. */
export const textOf = (fields: readonly string[]): string | null => {
  const at = fields.indexOf('event');
  return at % 2 === 0 ? (fields[at + 1] ?? null) : null;
};

export const sizeOf = (
  entries: readonly [string, readonly string[]][],
): { count: number; chars: number } => ({
  count: entries.length,
  chars: entries.reduce((sum, [, fields]) => sum + (textOf(fields)?.length ?? 0), 0),
});

/**
 * The facts of XINFO STREAM; undefined if there is no stream. XTRIM does not update `max-deleted-entry-id`,
 * so missing entries only show in the id of the last entry.
 */
export const streamFacts = (info: unknown): { lastId: string; lastEntryId: string } | undefined => {
  if (!Array.isArray(info)) return undefined;
  const fact = (name: string): unknown => info[info.indexOf(name) + 1];
  const last = fact('last-entry');
  return {
    lastId: String(fact('last-generated-id')),
    lastEntryId: Array.isArray(last) ? String(last[0]) : NOWHERE.id,
  };
};
