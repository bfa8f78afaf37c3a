import type { Redis } from 'ioredis';

/** How many entries or keys are read at once. */
export const PAGE = 500;
const LONGEST = 1_000_000;
const PAGE_OF_STREAM = `local found = {}
for _, entry in ipairs(redis.call('XRANGE', KEYS[1], ARGV[1], '+', 'COUNT', ${PAGE})) do
  local text = entry[2][2] or ''
  found[#found + 1] = entry[1]
  found[#found + 1] = #text < ${LONGEST} and text or ''
end
return found`;
const NEWEST_ID = `local newest = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
return newest and newest[1] or '0-0'`;
const TEXTS = `local texts = {}
for i, key in ipairs(KEYS) do
  local isText = redis.call('TYPE', key).ok == 'string' and redis.call('STRLEN', key) < ${LONGEST}
  texts[i] = isText and redis.call('GET', key) or ''
end
return texts`;

/** The texts of string keys; empty for what is long or no string. A writer can make anything 512 MB long. */
export const readShortTexts = async (redis: Redis, keys: readonly string[]): Promise<string[]> =>
  (await redis.eval(TEXTS, keys.length, ...keys)) as string[];

/** A page of a stream: of each entry its id, then its text, empty if it is long. */
export const readShortEntries = async (redis: Redis, stream: string, from: string): Promise<string[]> =>
  (await redis.eval(PAGE_OF_STREAM, 1, stream, from)) as string[];

/** The id of the last entry of a stream; `0-0` of an empty one. */
export const readNewestId = async (redis: Redis, stream: string): Promise<string> =>
  (await redis.eval(NEWEST_ID, 1, stream)) as string;
