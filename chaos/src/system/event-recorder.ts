import { setTimeout as sleep } from 'node:timers/promises';
import { ledgerKeys } from '@rekey/ledger';
import { KEY_ROTATED, KEY_UNCERTAIN, KeyEvent, parseJson } from '@rekey/schema';
import { openRecord, type Sealer } from '@rekey/sealing';
import type { Redis } from 'ioredis';
import type { Published } from '../verdict/evidence.ts';
import { PAGE, readNewestId, readShortEntries, readShortTexts } from './short-texts.ts';

/**
 * What consumers accepted while something else writes to Redis too: the stream is not as Rekey left it. Only
 * events whose record opens and fits count, and no version that is not newer than the last one.
 */
interface EventRecorder {
  published(): Published[];
  /** Reads everything once more, and ends. */
  stop(): Promise<void>;
}

const EVERY_MS = 100;

/** Whether a stream ends before a position. */
const isBelow = (newest: string, position: string): boolean => {
  const [ms = '0', number = '0'] = newest.split('-');
  const [readMs = '0', readNumber = '0'] = position.slice(1).split('-');
  const difference = BigInt(ms) - BigInt(readMs);
  return difference < 0 || (difference === 0n && BigInt(number) < BigInt(readNumber));
};

/** The event as its record proves it; undefined if a consumer refuses it. */
const prove = async (text: string, sealer: Sealer): Promise<KeyEvent | undefined> => {
  const parsed = KeyEvent.safeParse(parseJson(text));
  if (!parsed.success) return undefined;
  const event = parsed.data;
  const record = await openRecord(sealer, event).catch(() => undefined);
  if (!record) return undefined;
  if (event.type !== KEY_ROTATED) return event;
  const secretKey = record.assistant?.secret_key ?? undefined;
  // Nothing proves the fingerprint outside.
  return { ...event, data: { ...event.data, fingerprint: sealer.fingerprint(secretKey ?? '') } } as KeyEvent;
};

export const startEventRecorder = (redis: Redis, prefix: string, sealer: Sealer): EventRecorder => {
  const keys = ledgerKeys(prefix);
  const published: Published[] = [];
  const versions = new Map<string, number>();
  const seen = new Set<string>();
  const texts = new Set<string>();
  const stopping = new AbortController();
  let position = '-';

  const take = async (text: string, atMs: number): Promise<void> => {
    if (text === '' || texts.has(text)) return;
    texts.add(text);
    const event = await prove(text, sealer);
    // Assistants that are claimed together have events of the same id: it is unique for its source only.
    const id = `${event?.subject} ${event?.id}`;
    if (!event || seen.has(id)) return;
    seen.add(id);
    const { version } = event.data;
    const last = versions.get(event.subject) ?? 0;
    if (event.type === KEY_UNCERTAIN ? version < last : version <= last) return;
    versions.set(event.subject, version);
    // A gap in the numbers makes consumers take a snapshot: it is no loss.
    const data = { ...event.data, seq: published.length + 1 };
    published.push({ event: { ...event, data } as KeyEvent, atMs });
  };
  const readStream = async (): Promise<void> => {
    // Rekey replaces a stream that no entry can follow: the ids of the new one are lower.
    if (isBelow(await readNewestId(redis, keys.events), position)) position = '-';
    for (;;) {
      const page = await readShortEntries(redis, keys.events, position);
      for (let i = 0; i < page.length; i += 2) {
        // A writer can set the id that entries follow on.
        const idMs = Number(page[i]!.split('-')[0]);
        await take(page[i + 1]!, Math.min(idMs, Date.now()));
      }
      if (page.length > 0) position = `(${page.at(-2)!}`;
      if (page.length < 2 * PAGE) return;
    }
  };
  const readCurrent = async (): Promise<void> => {
    const names = await redis.keys(keys.current('*').replace('%2A', '*'));
    for (let i = 0; i < names.length; i += PAGE) {
      const page = names.slice(i, i + PAGE);
      for (const text of await readShortTexts(redis, page)) await take(text, Date.now());
    }
  };
  const readAll = async (): Promise<void> => {
    // A key can be of another type at any time.
    await readStream().catch(() => {});
    await readCurrent().catch(() => {});
  };
  const running = (async () => {
    for (let round = 0; !stopping.signal.aborted; round += 1) {
      await readStream().catch(() => {});
      if (round % 20 === 0) await readCurrent().catch(() => {});
      await sleep(EVERY_MS);
    }
  })();
  return {
    published: () => published,
    stop: async () => {
      stopping.abort();
      await running;
      await readAll();
    },
  };
};
