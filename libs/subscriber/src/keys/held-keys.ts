import type { Cause, HeldKey, Removal, RemovedKey, UnreadableKey } from '../keys.ts';
import type { Opened } from './read-event.ts';

/** One assistant, as small as can be: a hundred thousand of them are held. */
interface Entry {
  orgId: string;
  version: number;
  /** Of one without a key: undefined, and why there is none. */
  secretKey: string | undefined;
  cause: Cause | undefined;
  removal: Removal | undefined;
  updatedMs: number;
  uncertain: boolean;
  /**
   * The version that its current record claims, which this consumer cannot open; 0 if it can. Its key is
   * forgotten then.
   */
  claimedVersion: number;
  /**
   * The snapshot in or since which it was last seen to be there, and in which it was last seen to be in
   * doubt.
   */
  seenIn: number;
  doubtedIn: number;
}

/** What is held of each assistant. Versions only rise, whatever becomes of Redis. */
export interface HeldKeys {
  /** Of how many a key is held. */
  readonly size: number;
  /** The key to sign with; undefined where there is none. */
  signing(assistantId: string): { secretKey: string; version: number; uncertain: boolean } | undefined;
  get(assistantId: string): HeldKey | RemovedKey | UnreadableKey | undefined;
  version(assistantId: string): number;
  ids(): IterableIterator<string>;
  /**
   * Takes over what is newer than what is held, or the same again of one that could not be read. False if it
   * is neither; it is seen to be there all the same.
   */
  apply(opened: Opened): boolean;
  /** Puts a version in doubt. False where a newer one is held, or it is in doubt already. */
  doubt(assistantId: string, version: number): boolean;
  /**
   * Its current record, which claims this version, cannot be opened: forgets the key. False if it is not
   * held, or is unreadable already.
   */
  markUnreadable(assistantId: string, claimedVersion: number): boolean;
  /** Puts one that cannot be read behind the others. */
  putLast(assistantId: string): void;
  /** Those that cannot be read, in the order in which they are to be looked at. */
  unreadable(): ReadonlySet<string>;
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
  const unreadable = new Set<string>();
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
    unreadable.delete(assistantId);
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
      const common = {
        assistantId,
        orgId,
        version,
        updatedAt: new Date(entry.updatedMs).toISOString(),
        uncertain,
      };
      if (entry.claimedVersion > 0)
        return { state: 'unreadable', ...common, claimedVersion: entry.claimedVersion };
      return secretKey === undefined
        ? { state: 'removed', ...common, removal: removal! }
        : { state: 'held', ...common, secretKey, cause };
    },
    version: (assistantId) => entries.get(assistantId)?.version ?? 0,
    ids: () => entries.keys(),

    apply: ({ assistantId, orgId, version, secretKey, cause, removal, updatedMs }) => {
      const before = entries.get(assistantId);
      if (
        before &&
        (version < before.version || (version === before.version && before.claimedVersion === 0))
      ) {
        before.seenIn = snapshot;
        return false;
      }
      if (secretKey !== undefined) size += 1;
      if (before?.secretKey !== undefined) size -= 1;
      // The same version again does not end a doubt of it.
      const { uncertain, doubtedIn } =
        before?.version === version ? before : { uncertain: false, doubtedIn: -1 };
      entries.set(assistantId, {
        orgId: interned(orgId),
        version,
        secretKey,
        cause,
        removal,
        updatedMs,
        uncertain,
        claimedVersion: 0,
        seenIn: snapshot,
        doubtedIn,
      });
      unreadable.delete(assistantId);
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
    markUnreadable: (assistantId, claimedVersion) => {
      const entry = entries.get(assistantId);
      if (!entry) return false;
      entry.seenIn = snapshot;
      const isNew = entry.claimedVersion === 0;
      entry.claimedVersion = claimedVersion;
      if (entry.secretKey !== undefined) size -= 1;
      entry.secretKey = undefined;
      unreadable.add(assistantId);
      return isNew;
    },
    putLast: (assistantId) => {
      if (unreadable.delete(assistantId)) unreadable.add(assistantId);
    },
    unreadable: () => unreadable,
    see: (assistantId) => {
      const entry = entries.get(assistantId);
      if (entry) entry.seenIn = snapshot;
    },
    remove,
    clear: () => {
      entries.clear();
      orgs.clear();
      unreadable.clear();
      size = 0;
    },

    beginSnapshot: () => {
      snapshot += 1;
    },
    unseen: () => {
      const found = [];
      for (const [assistantId, { orgId, seenIn }] of entries)
        if (seenIn !== snapshot) found.push({ assistantId, orgId });
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
