import { randomBytes } from 'node:crypto';

/** Tells new ids from repeated ones, in 16 to 53 bytes for each, independent of their length. */
export interface DistinctIds {
  /** True if the id is new. */
  add(id: string): boolean;
}

const WORDS = 4;
const FIRST_SLOTS = 64;
const MAX_LOAD = 0.6;
/** Tables grow one by one, so that the set never takes half as much memory again while it grows. */
const TABLES = 64;

const { imul } = Math;
const mixed = (lane: number): number => {
  let bits = imul(lane ^ (lane >>> 16), 2_246_822_507);
  bits = imul(bits ^ (bits >>> 13), 3_266_489_909);
  return bits ^ (bits >>> 16);
};

/**
 * A set of 128-bit hashes with a new seed each time. A set of the strings would take 80 MB for a million. The
 * probability that two of two million different ids have the same hash is below 10^-26.
 */
export const createDistinctIds = (): DistinctIds => {
  const seed = new Uint32Array(randomBytes(WORDS * 4).buffer.slice(0, WORDS * 4));
  const hash = new Uint32Array(WORDS);
  const tables: ReturnType<typeof createTable>[] = [];

  /**
   * Four lanes as in cyrb128, mixed at the end as in MurmurHash3. Every step is reversible, so no bit is
   * lost. A last word of 0 marks an empty slot.
   */
  const hashOf = (id: string): void => {
    let [a, b, c, d] = seed as unknown as [number, number, number, number];
    for (let i = 0; i < id.length; i += 1) {
      const unit = id.charCodeAt(i);
      a = b ^ imul(a ^ unit, 597_399_067);
      b = c ^ imul(b ^ unit, 2_869_860_233);
      c = d ^ imul(c ^ unit, 951_274_213);
      d = a ^ imul(d ^ unit, 2_716_044_179);
    }
    a = (a + b + c + d) | 0;
    [a, b, c, d] = [mixed(a), mixed(b + a), mixed(c + a), mixed(d + a)];
    a = (a + b + c + d) | 0;
    hash[0] = a;
    hash[1] = b + a;
    hash[2] = c + a;
    hash[3] = d + a;
    if (hash[3] === 0) hash[3] = 1;
  };

  return {
    add: (id) => {
      hashOf(id);
      return (tables[hash[1]! % TABLES] ??= createTable()).add(hash);
    },
  };
};

/** An open-addressing hash table of hashes. */
const createTable = (): { add(hash: Uint32Array): boolean } => {
  let slots = FIRST_SLOTS;
  let table = new Uint32Array(slots * WORDS);
  let size = 0;

  const slotOf = (into: Uint32Array, mask: number, words: Uint32Array, at: number): number => {
    for (let slot = words[at]! & mask; ; slot = (slot + 1) & mask) {
      const base = slot * WORDS;
      if (into[base + 3] === 0) return base;
      if (
        into[base] === words[at] &&
        into[base + 1] === words[at + 1] &&
        into[base + 2] === words[at + 2] &&
        into[base + 3] === words[at + 3]
      )
        return base;
    }
  };

  const grow = (): void => {
    const larger = new Uint32Array(slots * 2 * WORDS);
    for (let at = 0; at < table.length; at += WORDS) {
      if (table[at + 3] !== 0)
        larger.set(table.subarray(at, at + WORDS), slotOf(larger, slots * 2 - 1, table, at));
    }
    // Frees its memory at once, not at the next garbage collection. Node 20 lacks it.
    table.buffer.transfer?.(0);
    slots *= 2;
    table = larger;
  };

  return {
    add: (hash) => {
      const base = slotOf(table, slots - 1, hash, 0);
      if (table[base + 3] !== 0) return false;
      table.set(hash, base);
      size += 1;
      if (size > slots * MAX_LOAD) grow();
      return true;
    },
  };
};
