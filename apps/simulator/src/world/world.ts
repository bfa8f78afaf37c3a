import { createAssistants } from './assistants.ts';
import { createKeySource } from './key-source.ts';
import { createPopulation, type PopulationOptions } from './population.ts';
import { restore, type RestoreScope } from './restore.ts';
import { CREATED_AT, preciseNowMs, type AssistantState, type KeptWorld, type KeyChange } from './state.ts';

interface WorldOptions extends PopulationOptions {
  /** The world of an earlier process. */
  kept?: KeptWorld | undefined;
}

/** The truth about the simulated Invent. Assistants exist from the start. */
export interface World {
  readonly touched: ReadonlyMap<string, AssistantState>;
  /** The changes of every assistant that was ever touched, oldest first, including deleted ones. */
  readonly history: ReadonlyMap<string, readonly KeyChange[]>;
  /** The org that an API key belongs to, and those that it may use. */
  orgsOf(apiKey: string): { own: string; may: ReadonlySet<string> } | undefined;
  orgExists(orgId: string): boolean;
  assistantIds(orgId: string): readonly string[];
  find(assistantId: string): AssistantState | undefined;
  /** The state at that time; undefined if it is still the same, or never changed. */
  asOf(assistantId: string, timeMs: number): KeyChange | undefined;
  /** Creates an assistant at the start or end of the LIST of an existing org; false if the id is taken. */
  create(assistantId: string, orgId: string, at: 'start' | 'end'): boolean;
  rotate(assistantId: string, by: 'request' | 'denied' | 'hand'): AssistantState | undefined;
  remove(assistantId: string): boolean;
  /**
   * Overrides fields of the record. `deleted: true` deletes softly: the assistant remains, marked deleted.
   */
  patch(assistantId: string, patch: Record<string, unknown>): AssistantState | undefined;
  setKey(assistantId: string, secretKey: string | null): AssistantState | undefined;
  /**
   * Reverts keys, deletions and times of update to that time, as a restored backup does. Assistants deleted
   * since exist again, at the end of their LIST; those created since are gone. Returns the number of changed
   * assistants.
   */
  restore(atMs: number, scope?: RestoreScope): number;
  /** Creates an org of strangers whose ids have this prefix, unless it exists; returns its ids. */
  strangers(orgId: string, prefix: string, count: number): readonly string[];
  /** A plausible key that no assistant has. */
  decoyKey(what: string): string;
}

export const createWorld = ({ kept, ...options }: WorldOptions): World => {
  const keys = createKeySource(kept?.seed);
  const population = createPopulation(options);
  const assistants = createAssistants(population, keys, kept);
  const { ids } = population;
  const { find, change, history, firstCreatedMs } = assistants;
  return {
    touched: assistants.touched,
    history,
    orgsOf: population.orgsOf,
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
      const atMs = preciseNowMs();
      assistants.create(id, org, { updatedAt: new Date().toISOString(), atMs });
      assistants.forgetDeleted(id);
      if (history.has(id)) assistants.record(id, find(id)!, preciseNowMs(), 'hand');
      else firstCreatedMs.set(id, atMs);
      const others = ids.get(org)!;
      ids.set(org, at === 'start' ? [id, ...others] : [...others, id]);
      return true;
    },
    rotate: (id, by) =>
      change(id, by, (state) => {
        state.previousKey = state.secretKey;
        state.secretKey = keys.newKey();
        state.rotations += 1;
      }),
    remove: (id) => {
      const state = change(id, 'hand', (gone) => (gone.deleted = true));
      if (!state) return false;
      assistants.bury(id, state);
      return true;
    },
    patch: (id, patch) =>
      change(id, 'hand', (state) => {
        state.patch = { ...state.patch, ...patch };
        if ('deleted' in patch) state.deleted = patch['deleted'] === true;
      }),
    setKey: (id, secretKey) => change(id, 'hand', (state) => (state.secretKey = secretKey)),
    restore: (atMs, scope = {}) => restore(assistants, atMs, scope),
    strangers: (org, prefix, count) => {
      const known = ids.get(org);
      if (known) return known;
      const wanted = Array.from({ length: count }, (_, i) => `${prefix}${i + 1}`);
      // Strangers always existed: no backup is older.
      for (const id of wanted) if (!find(id)) assistants.create(id, org, { updatedAt: CREATED_AT, atMs: 0 });
      ids.set(org, wanted);
      return wanted;
    },
    decoyKey: (what) => keys.keyOf(`decoy ${what}`),
  };
};
