/**
 * The held assistants of which a proven version is lower than the held one, which is in the future: the held
 * key may be dead. So they stay, also over snapshots, until the held version is no longer higher than that of
 * the current record.
 */
export class OutrunKeys {
  readonly #versions = new Map<string, number>();

  get size(): number {
    return this.#versions.size;
  }
  has(assistantId: string): boolean {
    return this.#versions.has(assistantId);
  }
  /** Returns whether this is the highest of the lower versions so far. */
  note(assistantId: string, version: number): boolean {
    if (version <= (this.#versions.get(assistantId) ?? 0)) return false;
    this.#versions.set(assistantId, version);
    return true;
  }
  delete(assistantId: string): void {
    this.#versions.delete(assistantId);
  }
  /** The first of them, each with the highest of its lower versions. */
  first(count: number): { assistantId: string; version: number }[] {
    const found = [];
    for (const [assistantId, version] of this.#versions) {
      if (found.length === count) break;
      found.push({ assistantId, version });
    }
    return found;
  }
}
