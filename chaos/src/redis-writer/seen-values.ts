import type { Redis } from 'ioredis';
import type { Random } from '../random.ts';

const KEPT_OF_EACH = 6;
const READS_AT_ONCE = 50;
const LONGEST = 200_000;

/** What a writer has read before, to put it back: earlier texts of strings and fields, and whole keys. */
export interface SeenValues {
  /** Reads these keys. Texts that are too long are left out. */
  observe(keys: readonly string[]): Promise<void>;
  /** An earlier text of a string, or of a field of a hash. */
  text(random: Random, key: string, field?: string): string | undefined;
  /** An earlier state of a whole key, as DUMP returns it. */
  dump(random: Random, key: string): Buffer | undefined;
  /** Fields of a hash that were there once. */
  fields(key: string): string[];
}

/** The fields of a hash with texts that are not too long. A hash can have one of 100 MB. */
const FIELDS = `local found = {}
for _, field in ipairs(redis.call('HKEYS', KEYS[1])) do
  if #found < 2000 and #field < 1000 and redis.call('HSTRLEN', KEYS[1], field) < ${LONGEST} then
    found[#found + 1] = field
    found[#found + 1] = redis.call('HGET', KEYS[1], field)
  end
end
return found`;

/** The fields of a hash and their texts, without long ones. */
export const readFields = async (redis: Redis, key: string): Promise<Record<string, string>> => {
  const found = (await redis.eval(FIELDS, 1, key)) as string[];
  const fields: Record<string, string> = Object.create(null) as Record<string, string>;
  for (let i = 0; i < found.length; i += 2) fields[found[i]!] = found[i + 1]!;
  return fields;
};

const keep = <T>(list: T[], value: T, same: (other: T) => boolean): void => {
  if (list.some(same)) return;
  list.push(value);
  // The first one stays: the oldest state is the most telling one to put back.
  if (list.length > KEPT_OF_EACH) list.splice(1, 1);
};

const listOf = <T>(map: Map<string, T[]>, key: string): T[] => {
  const list = map.get(key) ?? [];
  map.set(key, list);
  return list;
};

export const createSeenValues = (redis: Redis): SeenValues => {
  const texts = new Map<string, Map<string, string[]>>();
  const dumps = new Map<string, Buffer[]>();
  const noteText = (key: string, field: string, text: string) => {
    const fields = texts.get(key) ?? new Map<string, string[]>();
    texts.set(key, fields);
    keep(listOf(fields, field), text, (other) => other === text);
  };
  const look = async (key: string): Promise<void> => {
    const type = await redis.type(key);
    if (type === 'string' && (await redis.strlen(key)) < LONGEST) noteText(key, '', (await redis.get(key))!);
    if (type === 'hash')
      for (const [field, text] of Object.entries(await readFields(redis, key))) noteText(key, field, text);
    const size = (await redis.call('MEMORY', 'USAGE', key, 'SAMPLES', 0)) as number | null;
    const dump = size !== null && size < LONGEST ? await redis.dumpBuffer(key) : null;
    if (dump) keep(listOf(dumps, key), dump, (other) => other.equals(dump));
  };
  return {
    // A key may be gone, or of another type, by the time that it is read.
    observe: async (keys) => {
      for (let i = 0; i < keys.length; i += READS_AT_ONCE)
        await Promise.all(keys.slice(i, i + READS_AT_ONCE).map((key) => look(key).catch(() => {})));
    },
    text: (random, key, field = '') => {
      const known = texts.get(key)?.get(field) ?? [];
      return known.length === 0 ? undefined : random.pick(known);
    },
    dump: (random, key) => {
      const known = dumps.get(key) ?? [];
      return known.length === 0 ? undefined : random.pick(known);
    },
    fields: (key) => [...(texts.get(key)?.keys() ?? [])].filter((field) => field !== ''),
  };
};
