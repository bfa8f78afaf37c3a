import type { Connection } from '../connection.ts';
import type { IndexName } from '../keys.ts';

/**
 * A place in a list: lists are in the order of the score, and of the id where scores are equal. A character
 * of the id stands for a byte (latin1): another client can add entries that are no text.
 */
export interface Place {
  score: number;
  id: string;
}

export interface SourceRange {
  index: IndexName;
  /** Downwards, from the highest score. */
  isDown: boolean;
  /** Of an index by score: from this score, and below that one. */
  minScore: number | undefined;
  belowScore: number | undefined;
  /** Of an index by id: ids that begin so. */
  idPrefix: string | undefined;
}

/** Whether one place comes after another, upwards. Redis compares ids byte by byte. */
export const isAfter = (a: Place, b: Place): boolean =>
  a.score === b.score ? a.id > b.id : a.score > b.score;

export const isById = (index: IndexName): boolean => index === 'id' || index === 'uncertain';

/** No byte of UTF-8 is higher. */
const END_OF_PREFIX = '\u00ff';
/** A page token has no longer id: no assistant has one. */
const MAX_PLACE_BYTES = 300;
/** Rekey writes few entries of one score. After this many, those that remain are skipped. */
const MAX_SAME_SCORE = 10_000;
/** How many of them are read at once. */
const SAME_SCORE_AT_ONCE = 1000;

const bytesOf = (text: string): Buffer => Buffer.from(text, 'latin1');
/** An id as in a place. */
const placeId = (id: string): string => Buffer.from(id).toString('latin1');

/**
 * The place of an entry as a page token holds it. Of one with a very long id, the place after all that begin
 * like it: they are no assistants either. Undefined if nothing can follow.
 */
export const tokenPlace = ({ score, id }: Place, isDown: boolean): Place | undefined => {
  const start = id.slice(0, MAX_PLACE_BYTES);
  if (start === id || isDown) return { score, id: start };
  const last = start.search(/[^\u00ff]\u00ff*$/);
  if (last < 0) return undefined;
  return { score, id: start.slice(0, last) + String.fromCharCode(start.charCodeAt(last) + 1) };
};

/** Where a source reads on. */
interface Position {
  after: Place | undefined;
  /** How many entries from there on were read before. */
  offset: number;
  /** All entries with the score of `after` are skipped. */
  isPast: boolean;
}

/** The arguments of ZRANGE after the key. */
const rangeOf = (
  range: SourceRange,
  { after, offset, isPast }: Position,
  count: number,
): (string | Buffer | number)[] => {
  const { index, isDown, minScore = '-inf', belowScore, idPrefix = '' } = range;
  const limit = ['LIMIT', offset, count];
  if (isById(index)) {
    const prefix = placeId(idPrefix);
    const from = after === undefined ? `[${prefix}` : `(${after.id}`;
    const to = prefix === '' ? '+' : bytesOf(`(${prefix}${END_OF_PREFIX}`);
    return [from === '[' ? '-' : bytesOf(from), to, 'BYLEX', ...limit];
  }
  const below = belowScore === undefined ? '+inf' : `(${belowScore}`;
  const start = after && `${isPast ? '(' : ''}${after.score}`;
  // Entries of the same score as the last one come again, and are skipped.
  const [low, high] = isDown ? [minScore, start ?? below] : [start ?? minScore, below];
  return [
    ...(isDown ? [high, low] : [low, high]),
    'BYSCORE',
    ...(isDown ? ['REV'] : []),
    ...limit,
    'WITHSCORES',
  ];
};

/**
 * Where a range of plain ids begins and ends, from a place on: as in ZRANGE. If the end is empty, the range
 * is of ids that begin with the prefix.
 */
export const commandRange = (range: SourceRange, after: Place | undefined): { from: string; to: string } => {
  const [from, to] = rangeOf(range, { after, offset: 0, isPast: false }, 0);
  return { from: String(from), to: typeof to === 'object' ? '' : String(to) };
};

/** The index of one org, read in its order a few entries at a time. */
export class ListSource {
  readonly orgId: string;
  private readonly range: SourceRange;
  private position: Position;
  private readonly buffer: Place[] = [];
  private isRead = false;
  private isChecked = false;
  /** Entries were skipped that Rekey has not written. */
  isDamaged = false;

  constructor(orgId: string, range: SourceRange, after: Place | undefined) {
    this.orgId = orgId;
    this.range = range;
    this.position = { after, offset: 0, isPast: false };
  }

  head(): Place | undefined {
    return this.buffer[0];
  }

  shift(): Place {
    return this.buffer.shift()!;
  }

  /** Whether more may follow than has been read. */
  isBehind(): boolean {
    return this.buffer.length === 0 && !this.isRead;
  }

  /** How many entries to read next. */
  countOf(wanted: number): number {
    return this.position.offset > 0 ? SAME_SCORE_AT_ONCE : wanted;
  }

  /** Once, of an index of ids: the commands that count the entries whose score is none of ids. */
  checks({ keys }: Pick<Connection, 'keys'>): string[][] {
    const key = keys.index(this.range.index, this.orgId);
    if (this.isChecked || !isById(this.range.index)) return [];
    this.isChecked = true;
    return [
      ['ZCOUNT', key, '-inf', '(0'],
      ['ZCOUNT', key, '(0', '+inf'],
    ];
  }

  /** The command that reads the next entries. */
  command({ keys }: Pick<Connection, 'keys'>, count: number): (string | Buffer | number)[] {
    return [keys.index(this.range.index, this.orgId), ...rangeOf(this.range, this.position, count)];
  }

  /** Takes the reply of that command. */
  take(reply: Reply, count: number): void {
    const isId = isById(this.range.index);
    const places = isId
      ? (reply as Buffer[]).map((id) => ({ score: 0, id: id.toString('latin1') }))
      : pairsOf(reply).map(([id, score]) => ({ score: scoreOf(String(score)), id: id.toString('latin1') }));
    this.isRead = places.length < count;
    const { after, offset, isPast } = this.position;
    const found = places.filter((place) => after === undefined || this.follows(place, after));
    this.buffer.push(...found);
    let last = places.at(-1);
    // In an index of ids with other scores, they are in no order: each read must lead further.
    if (isId && after !== undefined && last !== undefined && !this.follows(last, after)) last = lastOf(found);
    if (last === undefined) return;
    // If all entries have the score of the place, the next command skips them: otherwise it begins here.
    const isStuck = after !== undefined && !isPast && last.score === after.score && !isId;
    if (!isStuck) this.position = { after: last, offset: 0, isPast: false };
    else if (offset < MAX_SAME_SCORE) this.position = { after, offset: offset + places.length, isPast };
    else {
      this.position = { after, offset: 0, isPast: true };
      this.isDamaged = true;
    }
  }

  private follows(place: Place, other: Place): boolean {
    return this.range.isDown ? isAfter(other, place) : isAfter(place, other);
  }
}

const lastOf = (places: readonly Place[]): Place | undefined => {
  let [last] = places;
  for (const place of places) if (isAfter(place, last!)) last = place;
  return last;
};

/** Rekey writes no infinite score. */
const scoreOf = (text: string): number => {
  const score = Number(text);
  return Number.isFinite(score) ? score : text.startsWith('-') ? -Number.MAX_VALUE : Number.MAX_VALUE;
};

/** Replies with scores are flat, or lists of two. */
type Reply = readonly (Buffer | readonly [Buffer, Buffer])[];
const pairsOf = (reply: Reply): (readonly [Buffer, Buffer])[] =>
  Array.isArray(reply[0])
    ? (reply as (readonly [Buffer, Buffer])[])
    : reply.flatMap((id, i) => (i % 2 === 0 ? [[id, reply[i + 1]] as [Buffer, Buffer]] : []));
