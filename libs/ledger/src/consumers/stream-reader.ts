import { MAX_ACKNOWLEDGEMENT_BYTES } from '@rekey/schema';
import type { Redis } from 'ioredis';
import { ledgerKeys } from '../keys.ts';
import { createRunner } from '../scripts/run.ts';
import { consumersCommands } from './commands.generated.ts';

export interface StreamEntry {
  id: string;
  text: string;
  /** Empty if it has none. */
  proof: string;
}

/** What is new in a stream of acknowledgements, while it is read page by page from its newest entry. */
export interface Reading {
  /** The entry up to which the stream was read before. */
  after: string;
  /** That of the newest entry; `after` if there is none. */
  position: string;
  /** By the clock of Redis. */
  nowMs: number;
  /** How many entries were passed over because they are not, or are too long for, acknowledgements. */
  unfit: number;
  /** Where the next page begins; undefined at the end. */
  before: string | undefined;
  pages: number;
  bytes: number;
}

const PAGE = 100;
const PAGE_BYTES = 256 * 1024;
/** Older entries are skipped. */
const MAX_PAGES = 50;
const MAX_BYTES = 8 * 1024 * 1024;

export const beginReading = (after: string): Reading => ({
  after,
  position: after,
  nowMs: 0,
  unfit: 0,
  before: '+',
  pages: 0,
  bytes: 0,
});

/**
 * Reads pages of streams. Resolves with the entries, the newest first. Rejects with LEDGER_CORRUPT if the key
 * is no stream.
 */
export const createStreamReader = (redis: Redis, prefix: string) => {
  const keys = ledgerKeys(prefix);
  const commands = consumersCommands(createRunner(redis, keys.prefix));
  return async (acks: string, reading: Reading): Promise<StreamEntry[]> => {
    const page = await commands.acksRead({
      stream: acks.slice(keys.acks.length),
      after: reading.after,
      before: reading.before ?? '+',
      count: PAGE,
      chars: PAGE_BYTES,
      longest: MAX_ACKNOWLEDGEMENT_BYTES,
    });
    if (reading.before === '+') reading.position = page.newest ?? reading.after;
    const entries = inThrees(page.entries);
    for (const { text } of entries) reading.bytes += text.length;
    reading.pages += 1;
    reading.unfit += page.unfit;
    reading.nowMs = page.nowMs;
    const isFull = reading.pages >= MAX_PAGES || reading.bytes >= MAX_BYTES;
    reading.before = isFull ? undefined : page.oldest;
    return entries;
  };
};

/** After every entry that Redis gives an id. */
const END = `${Number.MAX_SAFE_INTEGER}-0`;

/** Reads streams of acknowledgements as gateways and workers do, beyond their ends. Rejects if it may not. */
export const probeAcknowledgements = async (redis: Redis, prefix: string): Promise<void> => {
  const { acks, acksOf } = ledgerKeys(prefix);
  const read = createStreamReader(redis, prefix);
  for (const key of [acks, acksOf('x')]) {
    await read(key, beginReading(END));
    await redis.xread('COUNT', 1, 'STREAMS', key, END);
  }
};

const inThrees = (texts: string[]): StreamEntry[] =>
  Array.from({ length: texts.length / 3 }, (_, i) => ({
    id: texts[3 * i]!,
    text: texts[3 * i + 1]!,
    proof: texts[3 * i + 2]!,
  }));
