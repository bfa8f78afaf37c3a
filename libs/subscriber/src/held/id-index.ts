import { randomBytes } from 'node:crypto';
import { pages } from './pages.ts';
import type { Texts } from './texts.ts';

const FIRST_PLACES = 2048;
const EMPTY = 0;
const DELETED = -1;
/** Of the places, at most this share is taken. */
const MAX_SHARE = 0.6;

const placesOf = (count: number) => new Int32Array(pages(4 * count), 0, count);

/** Finds the slot of an id among `Texts`. */
export class IdIndex {
  readonly #ids: Texts;
  readonly #seed = randomBytes(4).readInt32LE();
  /** Slots, plus 1. */
  #places = placesOf(FIRST_PLACES);
  /** The hash of the id at each place: other ids need not be read. */
  #hashes = placesOf(FIRST_PLACES);
  #size = 0;
  /** Places that are not empty. */
  #taken = 0;
  /** What was found last: each record has its id looked for several times. */
  #lastId: string | undefined;
  #lastPlace: number | undefined;

  constructor(ids: Texts) {
    this.#ids = ids;
  }

  /** Undefined also for what is no text: services pass on what they were sent. */
  find(id: string): number | undefined {
    if (typeof id !== 'string') return undefined;
    const place = this.#placeOf(id);
    return place === undefined ? undefined : this.#places[place]! - 1;
  }

  /** Throws if there is no memory for one more id. */
  reserve(): void {
    if (this.#taken + 1 > this.#places.length * MAX_SHARE) this.#rebuild();
  }

  /** Adds an id that it does not have, and that is in its slot already, to a reserved place. */
  add(id: string, slot: number): void {
    this.#lastPlace = this.#put(this.#hashOf(id), slot);
    this.#lastId = id;
    this.#size += 1;
  }

  delete(id: string): void {
    const place = this.#placeOf(id);
    if (place === undefined) return;
    this.#places[place] = DELETED;
    this.#lastId = undefined;
    this.#size -= 1;
  }

  clear(): void {
    [this.#places, this.#hashes] = [placesOf(FIRST_PLACES), placesOf(FIRST_PLACES)];
    [this.#size, this.#taken] = [0, 0];
    this.#lastId = undefined;
  }

  #placeOf(id: string): number | undefined {
    if (id === this.#lastId) return this.#lastPlace;
    this.#lastPlace = this.#lookFor(id);
    this.#lastId = id;
    return this.#lastPlace;
  }

  #lookFor(id: string): number | undefined {
    const last = this.#places.length - 1;
    const hash = this.#hashOf(id);
    for (let place = hash & last; ; place = (place + 1) & last) {
      const slot = this.#places[place]!;
      if (slot === EMPTY) return undefined;
      if (slot !== DELETED && this.#hashes[place] === hash && this.#ids.equals(slot - 1, id)) return place;
    }
  }

  /** Returns the place. */
  #put(hash: number, slot: number): number {
    const last = this.#places.length - 1;
    let place = hash & last;
    while (this.#places[place] !== EMPTY) place = (place + 1) & last;
    this.#places[place] = slot + 1;
    this.#hashes[place] = hash;
    this.#taken += 1;
    return place;
  }

  /** Doubles the places if ids need them, and forgets deleted ones. */
  #rebuild(): void {
    const [before, hashes] = [this.#places, this.#hashes];
    const isFull = 2 * this.#size > before.length * MAX_SHARE;
    const count = isFull ? 2 * before.length : before.length;
    [this.#places, this.#hashes] = [placesOf(count), placesOf(count)];
    this.#taken = 0;
    this.#lastId = undefined;
    for (let at = 0; at < before.length; at += 1) {
      const slot = before[at]!;
      if (slot !== EMPTY && slot !== DELETED) this.#put(hashes[at]!, slot - 1);
    }
  }

  /** Each process has a seed of its own: which ids collide differs. */
  #hashOf(id: string): number {
    let hash = this.#seed ^ id.length;
    for (let i = 0; i < id.length; i += 1) {
      hash = Math.imul(hash ^ id.charCodeAt(i), 0x5bd1e995);
      hash ^= hash >>> 15;
    }
    hash = Math.imul(hash ^ (hash >>> 13), 0x2c1b3c6d);
    return hash ^ (hash >>> 16);
  }
}
