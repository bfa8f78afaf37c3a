import { hash, randomBytes } from 'node:crypto';

export interface AssistantState {
  orgId: string;
  secretKey: string | null;
  /** The key before, for reads that lag behind. */
  previousKey: string | null;
  /** How often the key was changed, by request or by hand. */
  rotations: number;
  updatedAt: string;
  deleted: boolean;
  /** Laid over the record, for fields and values that no schema has seen. */
  patch?: Record<string, unknown>;
}

/** What an assistant's key became, and when. */
export interface KeyChange {
  secretKey: string | null;
  deleted: boolean;
  updatedAt: string;
  /** Unix time, with fractions of a ms. 0 for the first one: what was so before the first change. */
  atMs: number;
  /**
   * `denied`: by a request whose answer said that it was refused. `restored`: it is again as it was at an
   * earlier time; its key may be an old one.
   */
  by: 'start' | 'request' | 'denied' | 'hand' | 'removed' | 'restored';
}

/** What outlives a process. */
export interface KeptWorld {
  /** What the keys of the untouched assistants are made from. */
  readonly seed: string;
  readonly touched: ReadonlyMap<string, AssistantState>;
  /** Called with an assistant that was changed. */
  keep(id: string, state: AssistantState): void;
}

export interface WorldOptions {
  orgId: string;
  apiKey: string;
  subOrgs: number;
  /** In each org. */
  assistants: number;
  /** Of an earlier process. */
  kept?: KeptWorld | undefined;
}

/**
 * What is true in the simulated Invent. Assistants exist from the start; only those that were touched take
 * memory of their own.
 */
export interface World {
  readonly touched: ReadonlyMap<string, AssistantState>;
  /** The changes of every assistant that was ever touched, oldest first, also of those that are removed. */
  readonly history: ReadonlyMap<string, readonly KeyChange[]>;
  /** The org that an API key was made in, and those that it may use. */
  orgsOf(apiKey: string): { own: string; may: ReadonlySet<string> } | undefined;
  orgExists(orgId: string): boolean;
  assistantIds(orgId: string): readonly string[];
  find(assistantId: string): AssistantState | undefined;
  /** How it was at that time; nothing where it is still so, or was never changed. */
  asOf(assistantId: string, timeMs: number): KeyChange | undefined;
  /** False where the id is taken. It comes at the start or the end of the LIST of an org that exists. */
  create(assistantId: string, orgId: string, at: 'start' | 'end'): boolean;
  rotate(assistantId: string, by: 'request' | 'denied' | 'hand'): AssistantState | undefined;
  remove(assistantId: string): boolean;
  /** Lays fields over the record. `deleted: true` deletes it softly: it is still there, and says so. */
  patch(assistantId: string, patch: Record<string, unknown>): AssistantState | undefined;
  setKey(assistantId: string, secretKey: string | null): AssistantState | undefined;
  /**
   * Makes keys, deletions and times of update what they were at that time, as a restored backup does, for all
   * assistants or those of an org or one.
   * What was deleted since is there again, at the end of its LIST; what was made since is gone. Returns how
   * many it changed.
   */
  restore(atMs: number, only?: { orgId?: string | undefined; assistantId?: string | undefined }): number;
  /** Makes an org of strangers whose ids begin so, if it is not there; returns its ids. */
  strangers(orgId: string, prefix: string, count: number): readonly string[];
  /** A plausible key that is no assistant's. */
  decoyKey(what: string): string;
}

const CREATED_AT = '2026-01-05T08:00:00.000Z';
/** The time of day, finer than `Date.now()`: what is measured against it takes milliseconds. */
export const preciseNowMs = (): number => performance.timeOrigin + performance.now();

export const createWorld = ({ orgId, apiKey, subOrgs, assistants, kept }: WorldOptions): World => {
  const subOrgIds = Array.from({ length: subOrgs }, (_, i) => `${orgId}_sub${i + 1}`);
  const ids = new Map<string, string[]>([
    [orgId, Array.from({ length: assistants }, (_, i) => `ast_${i + 1}`)],
  ]);
  subOrgIds.forEach((sub, s) =>
    ids.set(
      sub,
      Array.from({ length: assistants }, (_, i) => `ast_s${s + 1}_${i + 1}`),
    ),
  );
  const apiKeys = new Map([[apiKey, { own: orgId, may: new Set([orgId, ...subOrgIds]) }]]);
  subOrgIds.forEach((sub, s) => apiKeys.set(`${apiKey}-sub${s + 1}`, { own: sub, may: new Set([sub]) }));

  const newSeed = randomBytes(32).toString('base64url');
  const seed = kept?.seed ?? newSeed;
  /**
   * Keys that nobody could guess, from one draw of the system's generator: a draw for each costs more than
   * all else of a request.
   */
  const keyOf = (what: string): string => `sk_${hash('sha256', `${seed} ${what}`, 'base64url')}`;
  let keysMade = 0;
  // Not of the kept seed alone: it would make the keys of an earlier process again.
  const newKey = () => keyOf(`${newSeed} #${(keysMade += 1)}`);

  const touched = new Map<string, AssistantState>(kept?.touched);
  const removed = new Set<string>();
  const created = new Map<string, AssistantState>();
  const createdMs = new Map<string, number>();
  /** When those that were not there from the start came for the first time. */
  const bornMs = new Map<string, number>();
  const history = new Map<string, KeyChange[]>();

  const orgOf = (assistantId: string): string | undefined => {
    const match = /^ast_(?:s(\d+)_)?(\d+)$/.exec(assistantId);
    if (!match || removed.has(assistantId)) return undefined;
    const index = Number(match[2]);
    if (index < 1 || index > assistants || String(index) !== match[2]) return undefined;
    return match[1] === undefined ? orgId : subOrgIds[Number(match[1]) - 1];
  };
  const find = (assistantId: string): AssistantState | undefined => {
    const seen = touched.get(assistantId) ?? created.get(assistantId);
    if (seen) return seen;
    const org = orgOf(assistantId);
    if (org === undefined) return undefined;
    const secretKey = keyOf(assistantId);
    return {
      orgId: org,
      secretKey,
      previousKey: secretKey,
      rotations: 0,
      updatedAt: CREATED_AT,
      deleted: false,
    };
  };
  const record = (
    assistantId: string,
    { secretKey, deleted, updatedAt }: AssistantState,
    atMs: number,
    by: KeyChange['by'],
  ): void => {
    const changes = history.get(assistantId) ?? [];
    history.set(assistantId, changes);
    changes.push({ secretKey, deleted, updatedAt, atMs, by });
  };
  const change = (
    assistantId: string,
    by: 'request' | 'denied' | 'hand',
    act: (state: AssistantState) => void,
  ): AssistantState | undefined => {
    const state = find(assistantId);
    if (!state) return undefined;
    if (!history.has(assistantId)) record(assistantId, state, 0, 'start');
    const { secretKey, deleted } = state;
    act(state);
    const atMs = preciseNowMs();
    state.updatedAt = new Date(atMs).toISOString();
    touched.set(assistantId, state);
    kept?.keep(assistantId, state);
    if (state.deleted !== deleted || state.secretKey !== secretKey)
      record(assistantId, state, atMs, state.deleted && !deleted ? 'removed' : by);
    return state;
  };

  /** Those that were deleted for good, as they were then: a backup brings them back. */
  const buried = new Map<string, AssistantState>();
  const bury = (id: string, state: AssistantState): void => {
    removed.add(id);
    buried.set(id, state);
    created.delete(id);
    touched.delete(id);
    ids.set(
      state.orgId,
      ids.get(state.orgId)!.filter((other) => other !== id),
    );
  };
  const digUp = (id: string, state: AssistantState): void => {
    removed.delete(id);
    buried.delete(id);
    ids.set(state.orgId, [...ids.get(state.orgId)!, id]);
  };

  return {
    touched,
    history,
    orgsOf: (key) => apiKeys.get(key),
    orgExists: (id) => ids.has(id),
    assistantIds: (id) => ids.get(id) ?? [],
    find,
    asOf: (id, timeMs) => {
      const changes = history.get(id) ?? [];
      const then = changes.findLast(({ atMs }) => atMs <= timeMs);
      return then === changes.at(-1) ? undefined : then;
    },
    create: (id, org, at) => {
      if (find(id)) return false;
      const secretKey = newKey();
      const state: AssistantState = {
        orgId: org,
        secretKey,
        previousKey: secretKey,
        rotations: 0,
        updatedAt: new Date().toISOString(),
        deleted: false,
      };
      created.set(id, state);
      createdMs.set(id, preciseNowMs());
      buried.delete(id);
      if (!history.has(id)) bornMs.set(id, createdMs.get(id)!);
      if (history.has(id)) record(id, state, preciseNowMs(), 'hand');
      const others = ids.get(org)!;
      ids.set(org, at === 'start' ? [id, ...others] : [...others, id]);
      return true;
    },
    rotate: (id, by) =>
      change(id, by, (state) => {
        state.previousKey = state.secretKey;
        state.secretKey = newKey();
        state.rotations += 1;
      }),
    remove: (id) => {
      const state = change(id, 'hand', (gone) => (gone.deleted = true));
      if (!state) return false;
      bury(id, state);
      return true;
    },
    patch: (id, patch) =>
      change(id, 'hand', (state) => {
        state.patch = { ...state.patch, ...patch };
        if ('deleted' in patch) state.deleted = patch['deleted'] === true;
      }),
    setKey: (id, secretKey) => change(id, 'hand', (state) => (state.secretKey = secretKey)),
    restore: (atMs, { orgId: onlyOrg, assistantId: onlyAssistant } = {}) => {
      const concerned = (id: string, state: AssistantState | undefined) =>
        (onlyAssistant === undefined || onlyAssistant === id) &&
        (onlyOrg === undefined || onlyOrg === state?.orgId);
      let restored = 0;
      for (const [id, state] of created) {
        if (createdMs.get(id)! <= atMs || !concerned(id, state)) continue;
        if (!history.has(id)) record(id, state, createdMs.get(id)!, 'start');
        record(id, { ...state, deleted: true }, preciseNowMs(), 'restored');
        bury(id, { ...state, deleted: true });
        restored += 1;
      }
      for (const [id, changes] of history) {
        const state = find(id) ?? buried.get(id);
        const then = changes.findLast((one) => one.atMs <= atMs);
        if (!state || !then || !concerned(id, state) || (bornMs.get(id) ?? 0) > atMs) continue;
        const isThere = find(id) !== undefined;
        if (isThere ? state.secretKey === then.secretKey && state.deleted === then.deleted : then.deleted)
          continue;
        if (!isThere) digUp(id, state);
        state.previousKey = state.secretKey;
        Object.assign(state, { secretKey: then.secretKey, deleted: then.deleted, updatedAt: then.updatedAt });
        // What was laid over the record would still say otherwise.
        if (state.patch && 'deleted' in state.patch) state.patch = { ...state.patch, deleted: then.deleted };
        touched.set(id, state);
        record(id, state, preciseNowMs(), 'restored');
        restored += 1;
      }
      return restored;
    },
    strangers: (org, prefix, count) => {
      const known = ids.get(org);
      if (known) return known;
      const wanted = Array.from({ length: count }, (_, i) => `${prefix}${i + 1}`);
      for (const id of wanted) {
        if (find(id)) continue;
        const secretKey = newKey();
        created.set(id, {
          orgId: org,
          secretKey,
          previousKey: secretKey,
          rotations: 0,
          updatedAt: CREATED_AT,
          deleted: false,
        });
        // It was always there: no backup is older.
        createdMs.set(id, 0);
      }
      ids.set(org, wanted);
      return wanted;
    },
    decoyKey: (what) => keyOf(`decoy ${what}`),
  };
};
