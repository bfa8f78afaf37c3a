/** What many assistants share: there are few of these. */
interface Kind {
  orgId: string;
  cause: string | undefined;
  removal: string | undefined;
}

const COLUMNS = {
  /** Of the held record. */
  version: Float64Array,
  updatedMs: Float64Array,
  /** The version that the current record claims if this consumer cannot open it. Otherwise 0. */
  claimedVersion: Float64Array,
  /** The last snapshot in or after which the assistant was seen. */
  seenIn: Int32Array,
  /** The last snapshot in or after which it was seen to be uncertain. */
  uncertainIn: Int32Array,
  uncertain: Uint8Array,
  kind: Int32Array,
} as const;

type Columns = { -readonly [Name in keyof typeof COLUMNS]: InstanceType<(typeof COLUMNS)[Name]> };

const FIRST_CAPACITY = 1024;
const GROWTH = 1.5;

/**
 * A table with a row for each assistant. 100,000 rows are a few arrays; as many objects would take more
 * memory, and time of the garbage collector.
 */
export class Rows {
  columns: Columns;
  /** Undefined if the assistant has no key. */
  readonly secretKeys: (string | undefined)[] = [];
  readonly #byId = new Map<string, number>();
  readonly #free: number[] = [];
  readonly #kinds: Kind[] = [];
  readonly #kindNumbers = new Map<string, number>();
  #capacity = FIRST_CAPACITY;

  constructor() {
    this.columns = columnsOf(FIRST_CAPACITY);
  }

  find(assistantId: string): number | undefined {
    return this.#byId.get(assistantId);
  }
  /** The row of an assistant; a new one has no values yet. */
  ensure(assistantId: string): number {
    const known = this.#byId.get(assistantId);
    if (known !== undefined) return known;
    const row = this.#free.pop() ?? this.secretKeys.push(undefined) - 1;
    if (row >= this.#capacity) this.#grow();
    this.#byId.set(assistantId, row);
    return row;
  }
  delete(assistantId: string): void {
    const row = this.#byId.get(assistantId);
    if (row === undefined) return;
    this.#byId.delete(assistantId);
    this.secretKeys[row] = undefined;
    this.#free.push(row);
  }
  ids(): IterableIterator<string> {
    return this.#byId.keys();
  }
  entries(): IterableIterator<[string, number]> {
    return this.#byId.entries();
  }
  clear(): void {
    this.#byId.clear();
    this.secretKeys.length = 0;
    this.#free.length = 0;
    this.#kinds.length = 0;
    this.#kindNumbers.clear();
  }

  kindOf(row: number): Kind {
    return this.#kinds[this.columns.kind[row]!]!;
  }
  setKind(row: number, kind: Kind): void {
    const text = JSON.stringify([kind.orgId, kind.cause, kind.removal]);
    let number = this.#kindNumbers.get(text);
    if (number === undefined) {
      number = this.#kinds.push(kind) - 1;
      this.#kindNumbers.set(text, number);
    }
    this.columns.kind[row] = number;
  }

  #grow(): void {
    this.#capacity = Math.ceil(this.#capacity * GROWTH);
    const larger = columnsOf(this.#capacity);
    for (const name of Object.keys(COLUMNS) as (keyof Columns)[]) larger[name].set(this.columns[name]);
    this.columns = larger;
  }
}

const columnsOf = (capacity: number): Columns =>
  Object.fromEntries(
    Object.entries(COLUMNS).map(([name, Column]) => [name, new Column(capacity)]),
  ) as unknown as Columns;
