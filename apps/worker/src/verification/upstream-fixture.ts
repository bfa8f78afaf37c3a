import type { InventClient, ListOutcome, ReadOutcome, UpstreamRecord } from '@rekey/invent';
import type { ErrorCode } from '@rekey/schema';

const PAGE = 100;

/** What upstream shows of a record: its key; `null` if it shows none, `masked` if it shows stars. */
type Shown = string | null;

/** An upstream that a spec makes wrong. */
export interface ScriptedUpstream {
  /** What upstream has: ids with their keys. */
  upstream: Map<string, string>;
  /** What LIST and GET show instead. `undefined` from GET is a 404. */
  list?: ((id: string, key: string) => Shown) | undefined;
  get?: ((id: string, key: string | undefined) => Shown | undefined) | undefined;
  /** What LIST answers instead of its page. */
  page?:
    ((all: string[], page: number) => { ids: string[]; total?: number } | { code: ErrorCode }) | undefined;
  /** The age of what GET answers, as a cache reports it. */
  ageMs?: ((id: string) => number) | undefined;
  getFails?: ((id: string) => ErrorCode | undefined) | undefined;
  /** The requests so far. */
  lists: number[];
  gets: string[];
  invent: Pick<InventClient, 'getAssistant' | 'listAssistants'>;
}

/** Each request takes 5 ms of the time that `pass` counts. */
export const createScriptedUpstream = (pass: (ms: number) => Promise<void>): ScriptedUpstream => {
  const it: ScriptedUpstream = {
    upstream: new Map(),
    lists: [],
    gets: [],
    invent: {
      getAssistant: async ({ assistantId }): Promise<ReadOutcome> => {
        it.gets.push(assistantId);
        await pass(5);
        return get(it, assistantId);
      },
      listAssistants: async (_orgId, page): Promise<ListOutcome> => {
        it.lists.push(page);
        await pass(5);
        return list(it, page);
      },
    },
  };
  return it;
};

const get = (it: ScriptedUpstream, assistantId: string): ReadOutcome => {
  const fails = it.getFails?.(assistantId);
  if (fails) return { outcome: 'not-read', code: fails, reason: 'scripted' };
  const key = it.upstream.get(assistantId);
  const shown = it.get ? it.get(assistantId, key) : key;
  if (shown === undefined)
    return { outcome: 'not-read', code: 'ASSISTANT_NOT_FOUND', status: 404, reason: '404' };
  // The client answers in this way too.
  if (shown === 'masked')
    return { outcome: 'not-read', code: 'KEYS_NOT_SHOWN', status: 200, reason: 'a masked secret key' };
  const ageMs = it.ageMs?.(assistantId);
  return { outcome: 'read', record: record(assistantId, shown), ...(ageMs && { ageMs }) } as ReadOutcome;
};

const list = (it: ScriptedUpstream, page: number): ListOutcome => {
  const all = [...it.upstream.keys()];
  const answer = it.page?.(all, page) ?? {
    ids: all.slice((page - 1) * PAGE, page * PAGE),
    total: all.length,
  };
  if ('code' in answer) return { outcome: 'not-read', reason: 'scripted', code: answer.code };
  const shown = (id: string) => (it.list ? it.list(id, it.upstream.get(id)!) : it.upstream.get(id)!);
  return {
    outcome: 'read',
    page: { records: answer.ids.map((id) => record(id, shown(id))), unreadable: [], total: answer.total },
  };
};

const record = (id: string, shown: Shown): UpstreamRecord & { id: string } => ({
  id,
  secretKey: shown === null || shown === 'masked' ? undefined : shown,
  ...(shown === 'masked' && { masked: true as const }),
  deleted: false,
  json: JSON.stringify({ id, secret_key: shown }),
  unexpected: [],
});
