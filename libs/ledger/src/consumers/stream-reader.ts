import { MAX_ACKNOWLEDGEMENT_BYTES } from '@rekey/schema';
import type { Redis } from 'ioredis';
import { createRunner } from '../scripts/run.ts';
import { consumersCommands } from './commands.generated.ts';

export interface StreamEntry {
  id: string;
  text: string;
  /** Empty if it has none. */
  proof: string;
}

/** What a stream of acknowledgements has that is new. */
interface News {
  /** That of the newest entry, or where the read began. */
  position: string;
  /** By the clock of Redis. */
  nowMs: number;
  /** How many entries were passed over because they are not, or are too long for, acknowledgements. */
  unfit: number;
  /** The bounds were reached: older entries were not read. */
  skipped: boolean;
}

const PAGE = 100;
const PAGE_BYTES = 1024 * 1024;
const MAX_ENTRIES = 5000;
const MAX_BYTES = 8 * 1024 * 1024;

/**
 * Reads the entries of streams after a position, the newest first, in bounded pages. `take` is called with
 * each page. Rejects with LEDGER_CORRUPT if the key is no stream.
 */
export const createStreamReader = (redis: Redis, prefix: string) => {
  const commands = consumersCommands(createRunner(redis, prefix));
  return async (
    acks: string,
    after: string,
    take: (entries: StreamEntry[], nowMs: number) => void,
  ): Promise<News> => {
    const news: News = { position: after, nowMs: 0, unfit: 0, skipped: false };
    let bytes = 0;
    let before: string | undefined = '+';
    for (let looked = 0; before !== undefined; looked += PAGE) {
      if (looked >= MAX_ENTRIES || bytes >= MAX_BYTES) return { ...news, skipped: true };
      const page = await commands.acksRead({
        acks,
        after,
        before,
        count: PAGE,
        chars: PAGE_BYTES,
        longest: MAX_ACKNOWLEDGEMENT_BYTES,
      });
      if (before === '+') news.position = page.newest ?? after;
      news.nowMs = page.nowMs;
      news.unfit += page.unfit;
      before = page.oldest;
      const entries = inThrees(page.entries);
      for (const { text } of entries) bytes += text.length;
      take(entries, page.nowMs);
    }
    return news;
  };
};

const inThrees = (texts: string[]): StreamEntry[] =>
  Array.from({ length: texts.length / 3 }, (_, i) => ({
    id: texts[3 * i]!,
    text: texts[3 * i + 1]!,
    proof: texts[3 * i + 2]!,
  }));
