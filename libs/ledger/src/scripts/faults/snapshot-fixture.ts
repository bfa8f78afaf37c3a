import type { Redis } from 'ioredis';

/** For specs only: everything under the prefix `spec`, to be compared and put back. */
export interface Snapshot {
  entries: [key: string, dump: Buffer, ttl: number][];
  /** Key → what it holds, as text. */
  holds: Map<string, string>;
}

const SNAPSHOT = `
local out = {}
for _, key in ipairs(redis.call('KEYS', '{spec}:*')) do
  local kind, text = redis.call('TYPE', key).ok, nil
  if kind == 'string' then text = redis.call('GET', key)
  elseif kind == 'list' then text = table.concat(redis.call('LRANGE', key, 0, -1), '\\n')
  elseif kind == 'set' then
    local all = redis.call('SMEMBERS', key)
    table.sort(all)
    text = table.concat(all, '\\n')
  elseif kind == 'zset' then text = table.concat(redis.call('ZRANGE', key, 0, -1, 'WITHSCORES'), '\\n')
  elseif kind == 'stream' then
    local all = {}
    for _, entry in ipairs(redis.call('XRANGE', key, '-', '+')) do
      all[#all + 1] = table.concat(entry[2], '=')
    end
    text = table.concat(all, '\\n')
  else
    local all, flat = {}, redis.call('HGETALL', key)
    for i = 1, #flat, 2 do all[#all + 1] = flat[i] .. '=' .. flat[i + 1] end
    table.sort(all)
    text = table.concat(all, '\\n')
  end
  local ttl = redis.call('PTTL', key)
  out[#out + 1] = { key, redis.call('DUMP', key), ttl, kind .. (ttl > 0 and ' lapses ' or ' ') .. text }
end
return out`;
const RESTORE = `
for _, key in ipairs(redis.call('KEYS', '{spec}:*')) do redis.call('DEL', key) end
for i = 1, #ARGV, 3 do
  redis.call('RESTORE', ARGV[i], ARGV[i + 1] == '-1' and '0' or ARGV[i + 1], ARGV[i + 2])
end`;

/** The ids of stream entries come from the real clock. */
export const withoutEntryIds = (text: string): string => text.replaceAll(/\b\d{13}-\d+\b/g, 'ENTRY');

/** The scores of this index come from these ids. */
const withoutEntryTimes = (key: string, text: string): string =>
  key.includes(':index:change:') ? text.replaceAll(/\b\d{13}\b/g, 'ENTRY') : text;

/** A command that finds the stream of activity spoilt replaces it and notes that. */
const withoutNote = (text: string): string =>
  text.replace(/\nactivity_replaced=\d+|activity_replaced=\d+\n?/, '');

export const takeSnapshot = async (admin: Redis): Promise<Snapshot> => {
  const rows = (await admin.callBuffer('EVAL', SNAPSHOT, '0')) as [Buffer, Buffer, number, Buffer][];
  const holds = rows
    .map(([key, , , text]): [string, string] => [
      key.toString(),
      withoutEntryTimes(key.toString(), withoutNote(withoutEntryIds(text.toString()))),
    ])
    .filter(([, text]) => text !== 'hash ');
  return {
    entries: rows.map(([key, dump, ttl]) => [key.toString(), dump, ttl]),
    holds: new Map(holds.toSorted()),
  };
};

export const restoreSnapshot = (admin: Redis, { entries }: Snapshot): Promise<unknown> =>
  admin.call('EVAL', RESTORE, '0', ...entries.flatMap(([key, dump, ttl]) => [key, String(ttl), dump]));

/** Puts one key back. */
export const restoreKey = (admin: Redis, { entries }: Snapshot, key: string): Promise<unknown> => {
  const entry = entries.find(([name]) => name === key);
  if (!entry) return admin.del(key);
  return admin.call('RESTORE', key, String(Math.max(entry[2], 0)), entry[1], 'REPLACE');
};

/** The same, but for what one key holds. */
export const withKey = (snapshot: Snapshot, key: string, held: string): Snapshot => ({
  ...snapshot,
  holds: new Map([...snapshot.holds, [key, held]]),
});

/** The keys that hold something else. */
export const differencesOf = (a: Snapshot, b: Snapshot, except: string[] = []): string[] =>
  [...new Set([...a.holds.keys(), ...b.holds.keys()])].filter(
    (key) => !except.includes(key) && a.holds.get(key) !== b.holds.get(key),
  );
