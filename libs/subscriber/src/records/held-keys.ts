import type { Cause, HeldKey, Removal, RemovedKey, UnreadableKey } from '../keys.ts';
import type { Opened } from './read-event.ts';

/** One assistant. Kept small, because a consumer may hold 100,000 of them. */
interface Entry {
  orgId: string;
  version: number;
  /** Undefined if the assistant has no key; `removal` says why. */
  secretKey: string | undefined;
  cause: Cause | undefined;
  removal: Removal | undefined;
  updatedMs: number;
  uncertain: boolean;
  /**
   * The version that the current record claims if this consumer cannot open it; its key is then forgotten.
   * Otherwise 0.
   */
  claimedVersion: number;
  /** The last snapshot in or after which the assistant was seen. */
  seenIn: number;
  /** The last snapshot in or after which it was seen to be uncertain. */
  uncertainIn: number;
}

const NEVER = -1;

/** The keys of all assistants. Versions only rise, whatever happens to Redis. */
export class HeldKeys {
  readonly #entries = new Map<string, Entry>();
  /** Interned org ids: thousands of assistants share few orgs. */
  readonly #orgs = new Map<string, string>();
  readonly #unreadable = new Set<string>();
  #size = 0;
  #snapshot = 0;

  /** The number of assistants with a held key. */
  get size(): number {
    return this.#size;
  }

  /** The key to sign with; undefined if there is none. */
  signing(assistantId: string): { secretKey: string; version: number; uncertain: boolean } | undefined {
    const entry = this.#entries.get(assistantId);
    return entry?.secretKey === undefined ? undefined : (entry as Entry & { secretKey: string });
  }

  get(assistantId: string): HeldKey | RemovedKey | UnreadableKey | undefined {
    const entry = this.#entries.get(assistantId);
    if (!entry) return undefined;
    const { orgId, version, secretKey, cause, removal, uncertain, claimedVersion } = entry;
    const updatedAt = new Date(entry.updatedMs).toISOString();
    const common = { assistantId, orgId, version, updatedAt, uncertain };
    if (claimedVersion > 0) return { state: 'unreadable', ...common, claimedVersion };
    return secretKey === undefined
      ? { state: 'removed', ...common, removal: removal! }
      : { state: 'held', ...common, secretKey, cause };
  }

  version(assistantId: string): number {
    return this.#entries.get(assistantId)?.version ?? 0;
  }

  ids(): IterableIterator<string> {
    return this.#entries.keys();
  }

  /**
   * Applies a version that is newer than the held one, or the same version of an unreadable assistant.
   * Returns false for any other version, and marks the assistant as seen.
   */
  apply({ assistantId, orgId, version, secretKey, cause, removal, updatedMs }: Opened): boolean {
    const before = this.#entries.get(assistantId);
    if (before && (version < before.version || (version === before.version && before.claimedVersion === 0))) {
      before.seenIn = this.#snapshot;
      return false;
    }
    if (secretKey !== undefined) this.#size += 1;
    if (before?.secretKey !== undefined) this.#size -= 1;
    // The same version again does not end its uncertainty.
    const { uncertain, uncertainIn } =
      before?.version === version ? before : { uncertain: false, uncertainIn: NEVER };
    this.#entries.set(assistantId, {
      orgId: this.#intern(orgId),
      version,
      secretKey,
      cause,
      removal,
      updatedMs,
      uncertain,
      claimedVersion: 0,
      seenIn: this.#snapshot,
      uncertainIn,
    });
    this.#unreadable.delete(assistantId);
    return true;
  }

  /** Marks a version as uncertain. Returns false if a newer one is held, or if it is already uncertain. */
  markUncertain(assistantId: string, version: number): boolean {
    const entry = this.#entries.get(assistantId);
    if (!entry || version < entry.version) return false;
    entry.uncertainIn = this.#snapshot;
    const isNew = !entry.uncertain;
    entry.uncertain = true;
    return isNew;
  }

  /**
   * Forgets the key of an assistant whose current record claims this version and cannot be opened. Returns
   * false if the assistant is not held or already unreadable.
   */
  markUnreadable(assistantId: string, claimedVersion: number): boolean {
    const entry = this.#entries.get(assistantId);
    if (!entry) return false;
    entry.seenIn = this.#snapshot;
    const isNew = entry.claimedVersion === 0;
    entry.claimedVersion = claimedVersion;
    if (entry.secretKey !== undefined) this.#size -= 1;
    entry.secretKey = undefined;
    this.#unreadable.add(assistantId);
    return isNew;
  }

  /** The unreadable assistants, in the order in which they are read again. */
  unreadable(): ReadonlySet<string> {
    return this.#unreadable;
  }

  /** Moves an unreadable assistant behind the others. */
  moveToEnd(assistantId: string): void {
    if (this.#unreadable.delete(assistantId)) this.#unreadable.add(assistantId);
  }

  /** Marks an assistant as still present, without changes. */
  markSeen(assistantId: string): void {
    const entry = this.#entries.get(assistantId);
    if (entry) entry.seenIn = this.#snapshot;
  }

  remove(assistantId: string): void {
    if (this.#entries.get(assistantId)?.secretKey !== undefined) this.#size -= 1;
    this.#entries.delete(assistantId);
    this.#unreadable.delete(assistantId);
  }

  clear(): void {
    this.#entries.clear();
    this.#orgs.clear();
    this.#unreadable.clear();
    this.#size = 0;
  }

  beginSnapshot(): void {
    this.#snapshot += 1;
  }

  /** The assistants that have not been seen since the snapshot began. */
  unseen(): { assistantId: string; orgId: string }[] {
    const found = [];
    for (const [assistantId, { orgId, seenIn }] of this.#entries)
      if (seenIn !== this.#snapshot) found.push({ assistantId, orgId });
    return found;
  }

  /**
   * Ends the uncertainty of assistants that neither the snapshot nor later events show as uncertain. Returns
   * their ids.
   */
  endUncertainty(): string[] {
    const ended = [];
    for (const [assistantId, entry] of this.#entries) {
      if (!entry.uncertain || entry.uncertainIn === this.#snapshot) continue;
      entry.uncertain = false;
      ended.push(assistantId);
    }
    return ended;
  }

  #intern(orgId: string): string {
    const known = this.#orgs.get(orgId);
    if (known === undefined) this.#orgs.set(orgId, orgId);
    return known ?? orgId;
  }
}
