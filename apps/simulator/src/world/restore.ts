import type { Assistants } from './assistants.ts';
import { preciseNowMs, type AssistantState } from './state.ts';

/** Which assistants a restore affects; all by default. */
export interface RestoreScope {
  orgId?: string | undefined;
  assistantId?: string | undefined;
}

/** Restores the state at a time, as a backup does. Returns the number of assistants that it changed. */
export const restore = (assistants: Assistants, atMs: number, scope: RestoreScope): number => {
  const affects = (id: string, state: AssistantState): boolean =>
    (scope.assistantId === undefined || scope.assistantId === id) &&
    (scope.orgId === undefined || scope.orgId === state.orgId);
  return removeLaterOnes(assistants, atMs, affects) + revertChanges(assistants, atMs, affects);
};

type Affects = (id: string, state: AssistantState) => boolean;

/** Removes the assistants that were created after that time. */
const removeLaterOnes = (assistants: Assistants, atMs: number, affects: Affects): number => {
  const { created, history } = assistants;
  const later = [...created].filter(([id, one]) => one.atMs > atMs && affects(id, one.state));
  for (const [id, { state, atMs: createdMs }] of later) {
    if (!history.has(id)) assistants.record(id, state, createdMs, 'start');
    const gone = { ...state, deleted: true };
    assistants.record(id, gone, preciseNowMs(), 'restored');
    assistants.bury(id, gone);
  }
  return later.length;
};

/** Reverts keys, deletions and times of update to what they were at that time. */
const revertChanges = (assistants: Assistants, atMs: number, affects: Affects): number => {
  const { firstCreatedMs, history, touched } = assistants;
  let restored = 0;
  for (const [id, changes] of history) {
    const existing = assistants.find(id);
    const state = existing ?? assistants.findDeleted(id);
    const then = changes.findLast((one) => one.atMs <= atMs);
    if (!state || !then || !affects(id, state) || (firstCreatedMs.get(id) ?? 0) > atMs) continue;
    const isUnchanged = existing
      ? state.secretKey === then.secretKey && state.deleted === then.deleted
      : then.deleted;
    if (isUnchanged) continue;
    if (!existing) assistants.exhume(id, state);
    state.previousKey = state.secretKey;
    Object.assign(state, { secretKey: then.secretKey, deleted: then.deleted, updatedAt: then.updatedAt });
    // A patch of the record would still say otherwise.
    if (state.patch && 'deleted' in state.patch) state.patch = { ...state.patch, deleted: then.deleted };
    touched.set(id, state);
    assistants.record(id, state, preciseNowMs(), 'restored');
    restored += 1;
  }
  return restored;
};
