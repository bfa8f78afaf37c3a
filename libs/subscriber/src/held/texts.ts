import { pages } from './pages.ts';

const CHUNK_BITS = 18;
const CHUNK_BYTES = 1 << CHUNK_BITS;
/** The offset of a byte has 32 bits. */
const MAX_CHUNKS = 1 << (32 - CHUNK_BITS);
/** A longer text stays a string. */
const MAX_BYTES = 4096;
const FIRST_CAPACITY = 1024;
const GROWTH = 1.5;

/** What is stored in a slot: nothing, a long text, or the number of bytes and their width. */
const NOTHING = 0;
const LONG = 0xffff;
const codeOf = (bytes: number, isWide: boolean): number => ((bytes << 1) | (isWide ? 1 : 0)) + 1;
const bytesOf = (code: number): number => (code - 1) >>> 1;
const isWide = (code: number): boolean => ((code - 1) & 1) === 1;

const offsetsOf = (capacity: number) => new Uint32Array(pages(4 * capacity), 0, capacity);
const codesOf = (capacity: number) => new Uint16Array(pages(2 * capacity), 0, capacity);

/** Undefined if the system has no memory for it. */
const ifThereIsMemory = <T>(allocate: () => T): T | undefined => {
  try {
    return allocate();
  } catch {
    return undefined;
  }
};

const isNarrow = (text: string): boolean => {
  for (let i = 0; i < text.length; i += 1) if (text.charCodeAt(i) > 0xff) return false;
  return true;
};

/**
 * Texts in numbered slots, as bytes outside the heap of V8: 200,000 strings would take twice the memory, and
 * time of the garbage collector. Any string is returned as it was set, also one that is not well-formed.
 */
export class Texts {
  #at = offsetsOf(FIRST_CAPACITY);
  #codes = codesOf(FIRST_CAPACITY);
  #chunks: Buffer[] = [];
  /** Of the last chunk. */
  #used = CHUNK_BYTES;
  /** Bytes of texts that were replaced or deleted. */
  #wasted = 0;
  readonly #long = new Map<number, string>();

  /** What the texts take, with what was replaced and not yet reclaimed. */
  get bytes(): number {
    return this.#chunks.length * CHUNK_BYTES;
  }

  has(slot: number): boolean {
    return (this.#codes[slot] ?? NOTHING) !== NOTHING;
  }

  get(slot: number): string | undefined {
    const code = this.#codes[slot] ?? NOTHING;
    if (code === NOTHING) return undefined;
    if (code === LONG) return this.#long.get(slot);
    const at = this.#at[slot]!;
    const from = at & (CHUNK_BYTES - 1);
    const encoding = isWide(code) ? 'utf16le' : 'latin1';
    return this.#chunks[at >>> CHUNK_BITS]!.toString(encoding, from, from + bytesOf(code));
  }

  equals(slot: number, text: string): boolean {
    const code = this.#codes[slot] ?? NOTHING;
    if (code === NOTHING) return false;
    if (code === LONG) return this.#long.get(slot) === text;
    const length = text.length;
    if (bytesOf(code) !== (isWide(code) ? 2 * length : length)) return false;
    if (isWide(code)) return this.get(slot) === text;
    const at = this.#at[slot]!;
    const chunk = this.#chunks[at >>> CHUNK_BITS]!;
    const from = at & (CHUNK_BYTES - 1);
    for (let i = 0; i < length; i += 1) if (chunk[from + i] !== text.charCodeAt(i)) return false;
    return true;
  }

  /** Throws if there is no memory for the slot. After this, nothing throws for it. */
  reserve(slot: number): void {
    if (slot >= this.#codes.length) this.#grow(slot);
  }

  set(slot: number, text: string): void {
    this.reserve(slot);
    const narrow = isNarrow(text);
    const length = narrow ? text.length : 2 * text.length;
    const code = length > MAX_BYTES ? LONG : codeOf(length, !narrow);
    if (code !== this.#codes[slot] || code === LONG) {
      this.delete(slot);
      if (code === LONG || !this.#allocate(slot, length)) {
        this.#codes[slot] = LONG;
        this.#long.set(slot, text);
        return;
      }
      this.#codes[slot] = code;
    }
    const at = this.#at[slot]!;
    const chunk = this.#chunks[at >>> CHUNK_BITS]!;
    chunk.write(text, at & (CHUNK_BYTES - 1), length, narrow ? 'latin1' : 'utf16le');
  }

  delete(slot: number): void {
    const code = this.#codes[slot] ?? NOTHING;
    if (code === NOTHING) return;
    if (code === LONG) this.#long.delete(slot);
    else {
      this.#bytesAt(slot).fill(0);
      this.#wasted += bytesOf(code);
    }
    this.#codes[slot] = NOTHING;
    if (this.#wasted > CHUNK_BYTES && this.#wasted > (this.#chunks.length * CHUNK_BYTES) / 3) this.#compact();
  }

  clear(): void {
    for (const chunk of this.#chunks) chunk.fill(0);
    this.#codes.fill(NOTHING);
    this.#long.clear();
    [this.#chunks, this.#used, this.#wasted] = [[], CHUNK_BYTES, 0];
  }

  #bytesAt(slot: number): Buffer {
    const at = this.#at[slot]!;
    const from = at & (CHUNK_BYTES - 1);
    return this.#chunks[at >>> CHUNK_BITS]!.subarray(from, from + bytesOf(this.#codes[slot]!));
  }

  /** Whether there is a place. An empty text has one as well. */
  #allocate(slot: number, bytes: number): boolean {
    if (this.#used + Math.max(bytes, 1) > CHUNK_BYTES) {
      if (this.#chunks.length === MAX_CHUNKS) return false;
      const chunk = ifThereIsMemory(() => Buffer.from(pages(CHUNK_BYTES), 0, CHUNK_BYTES));
      if (!chunk) return false;
      this.#chunks.push(chunk);
      this.#used = 0;
    }
    this.#at[slot] = (this.#chunks.length - 1) * CHUNK_BYTES + this.#used;
    this.#used += bytes;
    return true;
  }

  /** Leaves everything as it is if there is no memory for it; the next try is after another chunk. */
  #compact(): void {
    const [at, chunks, used, wasted] = [this.#at, this.#chunks, this.#used, this.#wasted - CHUNK_BYTES];
    this.#wasted = wasted;
    const offsets = ifThereIsMemory(() => offsetsOf(this.#codes.length));
    if (!offsets) return;
    [this.#at, this.#chunks, this.#used, this.#wasted] = [offsets, [], CHUNK_BYTES, 0];
    for (let slot = 0; slot < this.#codes.length; slot += 1) {
      const code = this.#codes[slot]!;
      if (code === NOTHING || code === LONG) continue;
      if (!this.#allocate(slot, bytesOf(code))) {
        for (const chunk of this.#chunks) chunk.fill(0);
        [this.#at, this.#chunks, this.#used, this.#wasted] = [at, chunks, used, wasted];
        return;
      }
      const from = at[slot]! & (CHUNK_BYTES - 1);
      chunks[at[slot]! >>> CHUNK_BITS]!.copy(this.#bytesAt(slot), 0, from, from + bytesOf(code));
    }
    for (const chunk of chunks) chunk.fill(0);
  }

  #grow(slot: number): void {
    const capacity = Math.max(slot + 1, Math.ceil(this.#codes.length * GROWTH));
    const [at, codes] = [offsetsOf(capacity), codesOf(capacity)];
    at.set(this.#at);
    codes.set(this.#codes);
    [this.#at, this.#codes] = [at, codes];
  }
}
