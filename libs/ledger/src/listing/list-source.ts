import type { Connection } from '../connection.ts';
import type { IndexName } from '../keys.ts';

/** A place in a list: lists are in the order of the score, and of the id where scores are equal. */
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

/** Redis compares ids byte by byte. */
const compareIds = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));

/** Whether one place comes after another, upwards. */
export const isAfter = (a: Place, b: Place): boolean =>
  a.score === b.score ? compareIds(a.id, b.id) > 0 : a.score > b.score;

const isById = (index: IndexName): boolean => index === 'id' || index === 'uncertain';

/** No byte of UTF-8 is higher. */
const END_OF_PREFIX = Buffer.from([0xff]);

/** The arguments of ZRANGE after the key. */
const rangeOf = (
  range: SourceRange,
  after: Place | undefined,
  offset: number,
  count: number,
): (string | Buffer | number)[] => {
  const { index, isDown, minScore = '-inf', belowScore, idPrefix = '' } = range;
  const limit = ['LIMIT', offset, count];
  if (isById(index)) {
    const from = after === undefined ? `[${idPrefix}` : `(${after.id}`;
    const to = idPrefix === '' ? '+' : Buffer.concat([Buffer.from(`(${idPrefix}`), END_OF_PREFIX]);
    return [from === '[' ? '-' : from, to, 'BYLEX', ...limit];
  }
  const below = belowScore === undefined ? '+inf' : `(${belowScore}`;
  // Entries of the same score as the last one come again, and are skipped.
  const [low, high] = isDown ? [minScore, after?.score ?? below] : [after?.score ?? minScore, below];
  return [
    ...(isDown ? [high, low] : [low, high]),
    'BYSCORE',
    ...(isDown ? ['REV'] : []),
    ...limit,
    'WITHSCORES',
  ];
};

/** The index of one org, read in its order a few entries at a time. */
export class ListSource {
  readonly orgId: string;
  private readonly range: SourceRange;
  /** Entries are read from here on, and this many from there are read already. */
  private from: Place | undefined;
  private offset = 0;
  private readonly buffer: Place[] = [];
  private isRead = false;

  constructor(orgId: string, range: SourceRange, after: Place | undefined) {
    this.orgId = orgId;
    this.range = range;
    this.from = after;
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

  /** The command that reads the next entries. */
  command({ keys }: Pick<Connection, 'keys'>, count: number): (string | Buffer | number)[] {
    const { index } = this.range;
    return [keys.index(index, this.orgId), ...rangeOf(this.range, this.from, this.offset, count)];
  }

  /** Takes the reply of that command. */
  take(reply: readonly string[], count: number): void {
    const places = isById(this.range.index)
      ? reply.map((id) => ({ score: 0, id }))
      : pairsOf(reply).map(([id, score]) => ({ score: scoreOf(score), id }));
    this.isRead = places.length < count;
    const { from } = this;
    this.buffer.push(...places.filter((place) => from === undefined || this.follows(place, from)));
    const last = places.at(-1);
    if (last === undefined) return;
    // If all entries have the score of the place, the next command skips them: otherwise it begins here.
    const isStuck = from !== undefined && last.score === from.score && !isById(this.range.index);
    this.offset = isStuck ? this.offset + places.length : 0;
    if (!isStuck) this.from = last;
  }

  private follows(place: Place, other: Place): boolean {
    return this.range.isDown ? isAfter(other, place) : isAfter(place, other);
  }
}

/** Rekey writes no infinite score. */
const scoreOf = (text: string): number => {
  const score = Number(text);
  return Number.isFinite(score) ? score : text.startsWith('-') ? -Number.MAX_VALUE : Number.MAX_VALUE;
};

/** Replies with scores are flat, or lists of two. */
const pairsOf = (reply: readonly (string | readonly [string, string])[]): (readonly [string, string])[] =>
  typeof reply[0] === 'object'
    ? (reply as (readonly [string, string])[])
    : reply.flatMap((id, i) => (i % 2 === 0 ? [[id as string, reply[i + 1] as string] as const] : []));
