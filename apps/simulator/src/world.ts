import { createHmac, randomBytes } from 'node:crypto';

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

export interface WorldOptions {
  orgId: string;
  apiKey: string;
  subOrgs: number;
  /** In each org. */
  assistants: number;
}

/** What is true in the simulated Invent. Assistants exist from the start; only those that were touched take memory of their own. */
export interface World {
  readonly touched: ReadonlyMap<string, AssistantState>;
  /** The org that an API key was made in, and those that it may use. */
  orgsOf(apiKey: string): { own: string; may: ReadonlySet<string> } | undefined;
  orgExists(orgId: string): boolean;
  assistantIds(orgId: string): readonly string[];
  find(assistantId: string): AssistantState | undefined;
  rotate(assistantId: string): AssistantState | undefined;
  remove(assistantId: string): boolean;
  patch(assistantId: string, patch: Record<string, unknown>): AssistantState | undefined;
  setKey(assistantId: string, secretKey: string | null): AssistantState | undefined;
}

const CREATED_AT = '2026-01-05T08:00:00.000Z';

export const createWorld = ({ orgId, apiKey, subOrgs, assistants }: WorldOptions): World => {
  const subOrgIds = Array.from({ length: subOrgs }, (_, i) => `${orgId}_sub${i + 1}`);
  const ids = new Map<string, string[]>([[orgId, Array.from({ length: assistants }, (_, i) => `ast_${i + 1}`)]]);
  subOrgIds.forEach((sub, s) => ids.set(sub, Array.from({ length: assistants }, (_, i) => `ast_s${s + 1}_${i + 1}`)));
  const apiKeys = new Map([[apiKey, { own: orgId, may: new Set([orgId, ...subOrgIds]) }]]);
  subOrgIds.forEach((sub, s) => apiKeys.set(`${apiKey}-sub${s + 1}`, { own: sub, may: new Set([sub]) }));

  const seed = randomBytes(32);
  const touched = new Map<string, AssistantState>();
  const removed = new Set<string>();

  const orgOf = (assistantId: string): string | undefined => {
    const match = /^ast_(?:s(\d+)_)?(\d+)$/.exec(assistantId);
    if (!match || removed.has(assistantId)) return undefined;
    const index = Number(match[2]);
    if (index < 1 || index > assistants || String(index) !== match[2]) return undefined;
    return match[1] === undefined ? orgId : subOrgIds[Number(match[1]) - 1];
  };
  const find = (assistantId: string): AssistantState | undefined => {
    const seen = touched.get(assistantId);
    if (seen) return seen;
    const org = orgOf(assistantId);
    if (org === undefined) return undefined;
    const secretKey = `sk_${createHmac('sha256', seed).update(assistantId).digest('base64url')}`;
    return { orgId: org, secretKey, previousKey: secretKey, rotations: 0, updatedAt: CREATED_AT, deleted: false };
  };
  const change = (assistantId: string, by: (state: AssistantState) => void): AssistantState | undefined => {
    const state = find(assistantId);
    if (!state) return undefined;
    by(state);
    state.updatedAt = new Date().toISOString();
    touched.set(assistantId, state);
    return state;
  };

  return {
    touched,
    orgsOf: (key) => apiKeys.get(key),
    orgExists: (id) => ids.has(id),
    assistantIds: (id) => ids.get(id) ?? [],
    find,
    rotate: (id) =>
      change(id, (state) => {
        state.previousKey = state.secretKey;
        state.secretKey = `sk_${randomBytes(32).toString('base64url')}`;
        state.rotations += 1;
      }),
    remove: (id) => {
      const org = find(id)?.orgId;
      if (org === undefined) return false;
      removed.add(id);
      touched.delete(id);
      ids.set(org, ids.get(org)!.filter((other) => other !== id));
      return true;
    },
    patch: (id, patch) => change(id, (state) => (state.patch = { ...state.patch, ...patch })),
    setKey: (id, secretKey) => change(id, (state) => (state.secretKey = secretKey)),
  };
};
