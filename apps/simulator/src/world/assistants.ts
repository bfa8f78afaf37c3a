import type { KeySource } from './key-source.ts';
import type { Population } from './population.ts';
import { CREATED_AT, preciseNowMs, type AssistantState, type KeptWorld, type KeyChange } from './state.ts';

/** The assistants with their history. Only those that were touched take memory of their own. */
export interface Assistants {
  readonly touched: Map<string, AssistantState>;
  /** Those that did not exist at the start, and when they were created. */
  readonly created: Map<string, { state: AssistantState; atMs: number }>;
  /** When each of those was created for the first time. */
  readonly firstCreatedMs: Map<string, number>;
  readonly history: Map<string, KeyChange[]>;
  find(assistantId: string): AssistantState | undefined;
  /** A permanently deleted assistant, as it was then: a backup restores it. */
  findDeleted(assistantId: string): AssistantState | undefined;
  record(assistantId: string, state: AssistantState, atMs: number, by: KeyChange['by']): void;
  change(
    assistantId: string,
    by: 'request' | 'denied' | 'hand',
    act: (state: AssistantState) => void,
  ): AssistantState | undefined;
  /** Makes an assistant that does not exist. The caller adds it to the list of its org. */
  create(assistantId: string, orgId: string, when: { updatedAt: string; atMs: number }): void;
  forgetDeleted(assistantId: string): void;
  /** Deletes an assistant permanently. */
  bury(assistantId: string, state: AssistantState): void;
  /** Undoes `bury`; the assistant is last in the list. */
  exhume(assistantId: string, state: AssistantState): void;
}

/** A state with a key that has never changed. */
export const unchangedState = (orgId: string, secretKey: string, updatedAt = CREATED_AT): AssistantState => ({
  orgId,
  secretKey,
  previousKey: secretKey,
  rotations: 0,
  updatedAt,
  deleted: false,
});

export const createAssistants = (
  population: Population,
  keys: KeySource,
  kept: KeptWorld | undefined,
): Assistants => {
  const { ids } = population;
  const touched = new Map<string, AssistantState>(kept?.touched);
  const created: Assistants['created'] = new Map();
  const removed = new Set<string>();
  const deleted = new Map<string, AssistantState>();
  const history = new Map<string, KeyChange[]>();

  const find: Assistants['find'] = (assistantId) => {
    const state = touched.get(assistantId) ?? created.get(assistantId)?.state;
    if (state) return state;
    const orgId = removed.has(assistantId) ? undefined : population.initialOrgOf(assistantId);
    return orgId === undefined ? undefined : unchangedState(orgId, keys.keyOf(assistantId));
  };
  const record: Assistants['record'] = (assistantId, state, atMs, by) => {
    const changes = history.get(assistantId) ?? [];
    history.set(assistantId, changes);
    const { secretKey, deleted: isDeleted, updatedAt } = state;
    changes.push({ secretKey, deleted: isDeleted, updatedAt, atMs, by });
  };
  return {
    touched,
    created,
    firstCreatedMs: new Map(),
    history,
    find,
    findDeleted: (id) => deleted.get(id),
    record,
    change: (assistantId, by, act) => {
      const state = find(assistantId);
      if (!state) return undefined;
      if (!history.has(assistantId)) record(assistantId, state, 0, 'start');
      const before = { ...state };
      act(state);
      const atMs = preciseNowMs();
      state.updatedAt = new Date(atMs).toISOString();
      touched.set(assistantId, state);
      kept?.keep(assistantId, state);
      if (state.deleted !== before.deleted || state.secretKey !== before.secretKey)
        record(assistantId, state, atMs, state.deleted && !before.deleted ? 'removed' : by);
      return state;
    },
    create: (id, orgId, { updatedAt, atMs }) => {
      created.set(id, { state: unchangedState(orgId, keys.newKey(), updatedAt), atMs });
    },
    forgetDeleted: (id) => deleted.delete(id),
    bury: (id, state) => {
      removed.add(id);
      deleted.set(id, state);
      created.delete(id);
      touched.delete(id);
      const others = ids.get(state.orgId)!.filter((other) => other !== id);
      ids.set(state.orgId, others);
    },
    exhume: (id, state) => {
      removed.delete(id);
      deleted.delete(id);
      ids.set(state.orgId, [...ids.get(state.orgId)!, id]);
    },
  };
};
