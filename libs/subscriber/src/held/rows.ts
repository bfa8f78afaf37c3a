import { IdIndex } from './id-index.ts';
import { pages } from './pages.ts';
import { Texts } from './texts.ts';

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
  /** Of the assistants that have one. */
  readonly secretKeys = new Texts();
  readonly #ids = new Texts();
  readonly #byId = new IdIndex(this.#ids);
  /** Rows that are or were in use. */
  #count = 0;
  readonly #free: number[] = [];
  readonly #kinds: Kind[] = [];
  readonly #kindNumbers = new Map<string, number>();
  /** The number of the last one that was set: most follow one of their own. */
  #lastKind = 0;
  #capacity = FIRST_CAPACITY;

  constructor() {
    this.columns = columnsOf(FIRST_CAPACITY);
  }

  find(assistantId: string): number | undefined {
    return this.#byId.find(assistantId);
  }
  /**
   * The row of an assistant; a new one has no values yet. Throws if there is no memory for it, and then
   * nothing has changed: a key that is half there would count as held.
   */
  ensure(assistantId: string): number {
    const known = this.#byId.find(assistantId);
    if (known !== undefined) return known;
    const row = this.#free.at(-1) ?? this.#count;
    if (row >= this.#capacity) this.#grow();
    this.#ids.reserve(row);
    this.secretKeys.reserve(row);
    this.#byId.reserve();
    if (this.#free.pop() === undefined) this.#count += 1;
    this.#ids.set(row, assistantId);
    this.#byId.add(assistantId, row);
    return row;
  }
  delete(assistantId: string): void {
    const row = this.#byId.find(assistantId);
    if (row === undefined) return;
    this.#byId.delete(assistantId);
    this.#ids.delete(row);
    this.secretKeys.delete(row);
    this.#free.push(row);
  }
  idOf(row: number): string {
    return this.#ids.get(row)!;
  }
  *ids(): IterableIterator<string> {
    for (const row of this.all()) yield this.idOf(row);
  }
  /** The rows of all assistants. */
  *all(): IterableIterator<number> {
    for (let row = 0; row < this.#count; row += 1) if (this.#ids.has(row)) yield row;
  }
  clear(): void {
    this.#byId.clear();
    this.#ids.clear();
    this.secretKeys.clear();
    this.#count = 0;
    this.#free.length = 0;
    this.#kinds.length = 0;
    this.#kindNumbers.clear();
  }

  kindOf(row: number): Kind {
    return this.#kinds[this.columns.kind[row]!]!;
  }
  setKind(row: number, kind: Kind): void {
    const last = this.#kinds[this.#lastKind];
    if (!last || !isSame(last, kind)) this.#lastKind = this.#numberOf(kind);
    this.columns.kind[row] = this.#lastKind;
  }
  #numberOf(kind: Kind): number {
    const text = JSON.stringify([kind.orgId, kind.cause, kind.removal]);
    let number = this.#kindNumbers.get(text);
    if (number === undefined) {
      number = this.#kinds.push(kind) - 1;
      this.#kindNumbers.set(text, number);
    }
    return number;
  }

  #grow(): void {
    const capacity = Math.ceil(this.#capacity * GROWTH);
    const larger = columnsOf(capacity);
    for (const name of Object.keys(COLUMNS) as (keyof Columns)[]) larger[name].set(this.columns[name]);
    [this.columns, this.#capacity] = [larger, capacity];
  }
}

const isSame = (a: Kind, b: Kind): boolean =>
  a.orgId === b.orgId && a.cause === b.cause && a.removal === b.removal;

const columnsOf = (capacity: number): Columns =>
  Object.fromEntries(
    Object.entries(COLUMNS).map(([name, Column]) => [
      name,
      new Column(pages(capacity * Column.BYTES_PER_ELEMENT), 0, capacity),
    ]),
  ) as unknown as Columns;
