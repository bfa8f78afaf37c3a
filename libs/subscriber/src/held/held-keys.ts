import type { HeldKey, RemovedKey, UnreadableKey } from '../keys.ts';
import type { Opened } from '../records/read-event.ts';
import { Rows } from './rows.ts';

const NEVER = -1;

/** The keys of all assistants. Versions only rise, whatever happens to Redis. */
export class HeldKeys {
  readonly #rows = new Rows();
  readonly #unreadable = new Set<string>();
  #size = 0;
  #snapshot = 0;

  /** The number of assistants with a held key. */
  get size(): number {
    return this.#size;
  }

  /** The key to sign with; undefined if there is none. */
  signing(assistantId: string): { secretKey: string; version: number; uncertain: boolean } | undefined {
    const row = this.#rows.find(assistantId);
    const secretKey = row === undefined ? undefined : this.#rows.secretKeys.get(row);
    if (secretKey === undefined) return undefined;
    const { version, uncertain } = this.#rows.columns;
    return { secretKey, version: version[row!]!, uncertain: uncertain[row!] === 1 };
  }

  get(assistantId: string): HeldKey | RemovedKey | UnreadableKey | undefined {
    const row = this.#rows.find(assistantId);
    if (row === undefined) return undefined;
    const { columns, secretKeys } = this.#rows;
    const { orgId, cause, removal } = this.#rows.kindOf(row);
    const secretKey = secretKeys.get(row);
    const claimedVersion = columns.claimedVersion[row]!;
    const common = {
      assistantId,
      orgId,
      version: columns.version[row]!,
      updatedAt: new Date(columns.updatedMs[row]!).toISOString(),
      uncertain: columns.uncertain[row] === 1,
    };
    if (claimedVersion > 0) return { state: 'unreadable', ...common, claimedVersion };
    return secretKey === undefined
      ? { state: 'removed', ...common, removal: removal! }
      : { state: 'held', ...common, secretKey, cause };
  }

  version(assistantId: string): number {
    const row = this.#rows.find(assistantId);
    return row === undefined ? 0 : this.#rows.columns.version[row]!;
  }

  ids(): IterableIterator<string> {
    return this.#rows.ids();
  }

  /**
   * Applies a version that is newer than the held one, or the same version of an unreadable assistant.
   * Returns false for any other version, and marks the assistant as seen.
   */
  apply({ assistantId, orgId, version, secretKey, cause, removal, updatedMs }: Opened): boolean {
    const before = this.#rows.find(assistantId);
    if (before !== undefined && !this.#isNewer(before, version)) {
      this.#rows.columns.seenIn[before] = this.#snapshot;
      return false;
    }
    const row = this.#rows.ensure(assistantId);
    const { columns, secretKeys } = this.#rows;
    if (secretKey !== undefined) this.#size += 1;
    if (secretKeys.has(row)) this.#size -= 1;
    // The same version again does not end its uncertainty.
    if (before === undefined || columns.version[row] !== version) {
      columns.uncertain[row] = 0;
      columns.uncertainIn[row] = NEVER;
    }
    columns.version[row] = version;
    columns.updatedMs[row] = updatedMs;
    columns.claimedVersion[row] = 0;
    columns.seenIn[row] = this.#snapshot;
    if (secretKey === undefined) secretKeys.delete(row);
    else secretKeys.set(row, secretKey);
    this.#rows.setKind(row, { orgId, cause, removal });
    this.#unreadable.delete(assistantId);
    return true;
  }
  #isNewer(row: number, version: number): boolean {
    const { columns } = this.#rows;
    const held = columns.version[row]!;
    return version > held || (version === held && columns.claimedVersion[row]! > 0);
  }

  /** Marks a version as uncertain. Returns false if a newer one is held, or if it is already uncertain. */
  markUncertain(assistantId: string, version: number): boolean {
    const row = this.#rows.find(assistantId);
    const { columns } = this.#rows;
    if (row === undefined || version < columns.version[row]!) return false;
    columns.uncertainIn[row] = this.#snapshot;
    const isNew = columns.uncertain[row] === 0;
    columns.uncertain[row] = 1;
    return isNew;
  }

  /**
   * Forgets the key of an assistant whose current record claims this version and cannot be opened. Returns
   * false if the assistant is not held or already unreadable.
   */
  markUnreadable(assistantId: string, claimedVersion: number): boolean {
    const row = this.#rows.find(assistantId);
    if (row === undefined) return false;
    const { columns, secretKeys } = this.#rows;
    columns.seenIn[row] = this.#snapshot;
    const isNew = columns.claimedVersion[row] === 0;
    columns.claimedVersion[row] = claimedVersion;
    if (secretKeys.has(row)) this.#size -= 1;
    secretKeys.delete(row);
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
    const row = this.#rows.find(assistantId);
    if (row !== undefined) this.#rows.columns.seenIn[row] = this.#snapshot;
  }

  remove(assistantId: string): void {
    const row = this.#rows.find(assistantId);
    if (row !== undefined && this.#rows.secretKeys.has(row)) this.#size -= 1;
    this.#rows.delete(assistantId);
    this.#unreadable.delete(assistantId);
  }

  clear(): void {
    this.#rows.clear();
    this.#unreadable.clear();
    this.#size = 0;
  }

  beginSnapshot(): void {
    this.#snapshot += 1;
  }

  /** The assistants that have not been seen since the snapshot began. */
  unseen(): { assistantId: string; orgId: string }[] {
    const found = [];
    for (const row of this.#rows.all())
      if (this.#rows.columns.seenIn[row] !== this.#snapshot)
        found.push({ assistantId: this.#rows.idOf(row), orgId: this.#rows.kindOf(row).orgId });
    return found;
  }

  /**
   * Ends the uncertainty of assistants that neither the snapshot nor later events show as uncertain. Returns
   * their ids.
   */
  endUncertainty(): string[] {
    const { uncertain, uncertainIn } = this.#rows.columns;
    const ended = [];
    for (const row of this.#rows.all()) {
      if (uncertain[row] === 0 || uncertainIn[row] === this.#snapshot) continue;
      uncertain[row] = 0;
      ended.push(this.#rows.idOf(row));
    }
    return ended;
  }
}
