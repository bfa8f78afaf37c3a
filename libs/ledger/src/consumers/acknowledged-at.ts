import { Acknowledgement, isBefore, parseJson } from '@rekey/schema';
import type { Redis } from 'ioredis';
import { beginReading, createStreamReader } from './stream-reader.ts';

const ENTRY = /^[1-9]\d{0,14}-\d{1,19}$/;
/** Pages of a hundred entries: a consumer that has come that far since acknowledged long ago. */
const MAX_PAGES = 10;

/**
 * When Redis received the first acknowledgement of an entry of the stream of events by the last of these
 * instances of a consumer, in ms since 1970. Undefined if it is not kept, or too far back. It says when, and
 * proves nothing: whether they have acknowledged is known from signed positions.
 */
export const readAcknowledgedMs = async (
  { redis, prefix, acks }: { redis: Redis; prefix: string; acks: string },
  entry: string,
  instances: readonly string[],
): Promise<number | undefined> => {
  if (!ENTRY.test(entry) || instances.length === 0) return undefined;
  const read = createStreamReader(redis, prefix);
  const first = new Map<string, number>();
  const begun = beginReading(`${BigInt(entry.split('-')[0]!) - 1n}-0`);
  while (begun.before !== undefined && begun.pages < MAX_PAGES)
    for (const { id, text } of await read(acks, begun)) {
      const ack = Acknowledgement.safeParse(parseJson(text)).data;
      if (ack && !isBefore(ack.position, entry)) first.set(ack.instance, Number(id.split('-')[0]));
    }
  const times = instances.map((instance) => first.get(instance));
  // Older ones may be on a page that was not read.
  if (begun.before !== undefined || times.includes(undefined)) return undefined;
  return Math.max(...times.map(Number));
};
