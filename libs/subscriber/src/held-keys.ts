import type { Cause, HeldKey, RemovedKey } from './keys.ts';
import type { Opened } from './read-event.ts';

/** One assistant, as small as can be: a hundred thousand of them are held. */
interface Entry {
  orgId: string;
  version: number;
  /** Of one without a key: undefined, and why there is none. */
  secretKey: string | undefined;
  cause: Cause | undefined;
  removal: RemovedKey['removal'] | undefined;
  updatedMs: number;
  uncertain: boolean;
  /** The snapshot in or since which it was last seen to be there, and in which it was last seen to be in doubt. */
  seenIn: number;
  doubtedIn: number;
}

/** What is held of each assistant. Versions only rise, whatever becomes of Redis. */
export interface HeldKeys {
  /** Of how many a key is held. */
  readonly size: number;
  /** The key to sign with; undefined where there is none. */
  signing(assistantId: string): { secretKey: string; version: number; uncertain: boolean } | undefined;
  get(assistantId: string): HeldKey | RemovedKey | undefined;
  version(assistantId: string): number;
  ids(): IterableIterator<string>;
  /** Takes over what is newer than what is held. False where it is not; it is seen to be there all the same. */
  apply(opened: Opened): boolean;
  /** Puts a version in doubt. False where a newer one is held, or it is in doubt already. */
  doubt(assistantId: string, version: number): boolean;
  /** It is still there, with nothing new. */
  see(assistantId: string): void;
  remove(assistantId: string): void;
  clear(): void;
  beginSnapshot(): void;
  /** Those that were not seen since the snapshot began. */
  unseen(): { assistantId: string; orgId: string }[];
  /** Ends the doubts that the snapshot and what came since do not have. Returns whose they were. */
  endDoubts(): string[];
}

export const createHeldKeys = (): HeldKeys => {
  const entries = new Map<string, Entry>();
  // Thousands of assistants share few orgs: each entry would else hold a text of its own.
  const orgs = new Map<string, string>();
  let size = 0;
  let snapshot = 0;

  const interned = (orgId: string): string => {
    const known = orgs.get(orgId);
    if (known === undefined) orgs.set(orgId, orgId);
    return known ?? orgId;
  };
  const remove = (assistantId: string): void => {
    if (entries.get(assistantId)?.secretKey !== undefined) size -= 1;
    entries.delete(assistantId);
  };

  return {
    get size() {
      return size;
    },
    signing: (assistantId) => {
      const entry = entries.get(assistantId);
      return entry?.secretKey === undefined ? undefined : (entry as Entry & { secretKey: string });
    },
    get: (assistantId) => {
      const entry = entries.get(assistantId);
      if (!entry) return undefined;
      const { orgId, version, secretKey, cause, removal, uncertain } = entry;
      const common = { assistantId, orgId, version, updatedAt: new Date(entry.updatedMs).toISOString(), uncertain };
      return secretKey === undefined ? { state: 'removed', ...common, removal: removal! } : { state: 'held', ...common, secretKey, cause };
    },
    version: (assistantId) => entries.get(assistantId)?.version ?? 0,
    ids: () => entries.keys(),

    apply: ({ assistantId, orgId, version, secretKey, cause, removal, updatedMs }) => {
      const before = entries.get(assistantId);
      if (before && version <= before.version) {
        before.seenIn = snapshot;
        return false;
      }
      if (secretKey !== undefined) size += 1;
      if (before?.secretKey !== undefined) size -= 1;
      entries.set(assistantId, { orgId: interned(orgId), version, secretKey, cause, removal, updatedMs, uncertain: false, seenIn: snapshot, doubtedIn: -1 });
      return true;
    },
    doubt: (assistantId, version) => {
      const entry = entries.get(assistantId);
      if (!entry || version < entry.version) return false;
      entry.doubtedIn = snapshot;
      const isNew = !entry.uncertain;
      entry.uncertain = true;
      return isNew;
    },
    see: (assistantId) => {
      const entry = entries.get(assistantId);
      if (entry) entry.seenIn = snapshot;
    },
    remove,
    clear: () => {
      entries.clear();
      orgs.clear();
      size = 0;
    },

    beginSnapshot: () => {
      snapshot += 1;
    },
    unseen: () => {
      const found = [];
      for (const [assistantId, { orgId, seenIn }] of entries) if (seenIn !== snapshot) found.push({ assistantId, orgId });
      return found;
    },
    endDoubts: () => {
      const ended = [];
      for (const [assistantId, entry] of entries) {
        if (!entry.uncertain || entry.doubtedIn === snapshot) continue;
        entry.uncertain = false;
        ended.push(assistantId);
      }
      return ended;
    },
  };
};
