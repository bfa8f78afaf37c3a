interface Entry {
  /** As the record claims. Nothing proves it. */
  version: number;
  /** The last snapshot in or after which it was seen. */
  seenIn: number;
}

/** Whoever can write to Redis can make more of them. Beyond this number, they are only counted. */
const MAX_NAMED = 100_000;

/**
 * The assistants whose current record is of an org of this consumer and is not sealed for it: it is entitled
 * to a key that it does not get.
 */
export class UnsealedRecords {
  readonly #entries = new Map<string, Entry>();
  #more = 0;
  #snapshot = 0;

  get size(): number {
    return this.#entries.size + this.#more;
  }
  has(assistantId: string): boolean {
    return this.#entries.has(assistantId);
  }
  note(assistantId: string, version: number): void {
    if (this.#entries.size >= MAX_NAMED && !this.#entries.has(assistantId)) this.#more += 1;
    else this.#entries.set(assistantId, { version, seenIn: this.#snapshot });
  }
  delete(assistantId: string): void {
    this.#entries.delete(assistantId);
  }

  beginSnapshot(): void {
    this.#snapshot += 1;
    this.#more = 0;
  }
  /** Forgets what the snapshot did not show. Until then it counts: no acknowledgement leaves it out. */
  endSnapshot(): void {
    for (const [assistantId, { seenIn }] of this.#entries)
      if (seenIn !== this.#snapshot) this.#entries.delete(assistantId);
  }

  /** The next ones to read again. They move behind the others. */
  turn(count: number): string[] {
    const ids = this.first(count).map(({ assistantId }) => assistantId);
    for (const assistantId of ids) {
      const entry = this.#entries.get(assistantId)!;
      this.#entries.delete(assistantId);
      this.#entries.set(assistantId, entry);
    }
    return ids;
  }

  first(count: number): { assistantId: string; version: number }[] {
    const found = [];
    for (const [assistantId, { version }] of this.#entries) {
      if (found.length === count) break;
      found.push({ assistantId, version });
    }
    return found;
  }
}
