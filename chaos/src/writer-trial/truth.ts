import type { Admin } from '../system/simulator.ts';
import { readHistory } from '../system/history.ts';
import { listAssistants, type Target } from '../system/assistants.ts';
import { ASSISTANTS_OF_ORG } from './trial-processes.ts';

/** Who made which key, when, and of which org: from the simulator, and from nothing in Redis. */
export interface Truth {
  readonly targets: readonly Target[];
  refresh(): Promise<void>;
  /** The key in force, as of the last refresh. */
  keyOf(assistantId: string): string | undefined;
  /** Of which assistant a key is or was, and when it was made; undefined if Invent never made it. */
  madeFor(secretKey: string): { assistantId: string; orgId: string; atMs: number } | undefined;
}

export const createTruth = (admin: Admin): Truth => {
  const targets = listAssistants(ASSISTANTS_OF_ORG, 2);
  const orgs = new Map(targets.map(({ orgId, assistantId }) => [assistantId, orgId]));
  const made = new Map<string, { assistantId: string; orgId: string; atMs: number }>();
  const current = new Map<string, string>();
  return {
    targets,
    refresh: async () => {
      const history = await readHistory(admin, [...orgs.keys()]);
      for (const [assistantId, changes] of Object.entries(history)) {
        for (const { key, atMs } of changes)
          if (key !== null && !made.has(key))
            made.set(key, { assistantId, orgId: orgs.get(assistantId) ?? '', atMs });
        current.set(assistantId, changes.at(-1)?.key ?? '');
      }
    },
    keyOf: (assistantId) => current.get(assistantId),
    madeFor: (secretKey) => made.get(secretKey),
  };
};
