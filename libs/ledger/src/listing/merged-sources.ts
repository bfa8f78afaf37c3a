import type { Connection } from '../connection.ts';
import { isWrongType } from '../scripts/run.ts';
import { ListSource, isAfter, type Place, type SourceRange } from './list-source.ts';

export interface Candidate extends Place {
  orgId: string;
}

/** How many entries are read of each of several orgs at first: each of them may have few of the page. */
const READ_AHEAD = 4;
const MOST_AT_ONCE = 1000;

/** The indexes of several orgs as one list. */
export class MergedSources {
  /** An index has another type, so its org is left out; or entries, or scores, that Rekey has not written. */
  isDamaged = false;
  private readonly connection: Connection;
  private readonly isDown: boolean;
  /** Those with a head, in the order of their heads. */
  private readonly ready: ListSource[] = [];
  private behind: ListSource[];
  private readonly counts = new Map<ListSource, number>();

  constructor(
    connection: Connection,
    orgIds: readonly string[],
    range: SourceRange,
    after: Place | undefined,
  ) {
    this.connection = connection;
    this.isDown = range.isDown;
    this.behind = orgIds.map((orgId) => new ListSource(orgId, range, after));
  }

  /** Up to `count` candidates; fewer only at the end. */
  async next(count: number): Promise<Candidate[]> {
    const found: Candidate[] = [];
    while (found.length < count) {
      // What is read may all be of before the place: then nothing is known yet of the rest.
      while (this.behind.length > 0) await this.readMore(count - found.length);
      const first = this.ready.shift();
      if (first === undefined) break;
      found.push({ ...first.shift(), orgId: first.orgId });
      this.put(first);
    }
    return found;
  }

  private put(source: ListSource): void {
    const head = source.head();
    if (head === undefined) {
      if (source.isBehind()) this.behind.push(source);
      return;
    }
    let [from, to] = [0, this.ready.length];
    while (from < to) {
      const middle = (from + to) >> 1;
      if (this.comesAfter(head, this.ready[middle]!.head()!)) from = middle + 1;
      else to = middle;
    }
    this.ready.splice(from, 0, source);
  }

  private comesAfter(a: Place, b: Place): boolean {
    return this.isDown ? isAfter(b, a) : isAfter(a, b);
  }

  /** Reads on in each index that has none left, twice as much as the last time. */
  private async readMore(wanted: number): Promise<void> {
    const sources = this.behind;
    this.behind = [];
    const isAlone = sources.length === 1 && this.ready.length === 0;
    const pipeline = this.connection.redis.pipeline();
    for (const source of sources) {
      const ahead = isAlone ? wanted + 1 : 2 * (this.counts.get(source) ?? READ_AHEAD / 2);
      const count = source.countOf(Math.min(ahead, MOST_AT_ONCE));
      this.counts.set(source, count);
      pipeline.callBuffer('ZRANGE', ...source.command(this.connection, count));
    }
    const checks = sources.flatMap((source) => source.checks(this.connection));
    for (const [name, ...args] of checks) pipeline.call(name!, args);
    const replies = (await pipeline.exec()) ?? [];
    this.isDamaged ||= replies.splice(sources.length).some(([, count]) => Number(count ?? 0) > 0);
    replies.forEach(([error, reply], i) => {
      const source = sources[i]!;
      if (error && !isWrongType(error)) throw error;
      if (error) this.isDamaged = true;
      else {
        source.take(reply as Buffer[], this.counts.get(source)!);
        this.isDamaged ||= source.isDamaged;
        this.put(source);
      }
    });
  }
}
