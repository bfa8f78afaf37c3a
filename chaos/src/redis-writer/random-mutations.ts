import { editText, oddText } from './odd-values.ts';
import type { Mutation, RedisCommand, WriterView } from './mutation.ts';
import { readFields } from './seen-values.ts';

/** 100 MB: the most that one field holds here. */
const HUGE_BYTES = 100 * 1024 * 1024;
const NEVER_READ = 200_000;

type Mutate = (view: WriterView, key: string) => Promise<RedisCommand[] | undefined>;

const pickOr = <T>({ random }: WriterView, list: readonly T[], otherwise: T): T =>
  list.length === 0 ? otherwise : random.pick(list);

/** A text of a like key, to put in the place of another one. */
const otherText = async ({ redis, keys, random }: WriterView, key: string): Promise<string> => {
  const other = keys.pickLike(key) ?? key;
  const type = await redis.type(other);
  if (type === 'string' && (await redis.strlen(other)) < NEVER_READ) return (await redis.get(other)) ?? '';
  if (type !== 'hash') return oddText(random);
  const texts = Object.values(await readFields(redis, other)).toSorted();
  return texts.length === 0 ? oddText(random) : random.pick(texts);
};

/** Another text for one that is there: changed, from elsewhere, or an earlier one. */
const replacement = async (
  view: WriterView,
  key: string,
  field: string | undefined,
  text: string,
): Promise<string> => {
  const { random, seen } = view;
  if (random.next() < 0.25) {
    const earlier = seen.text(random, key, field);
    if (earlier !== undefined && earlier !== text) return earlier;
  }
  return editText(text, await otherText(view, key), random);
};

const ofString: Mutate = async (view, key) => {
  const { redis, random } = view;
  const length = await redis.strlen(key);
  if (length > NEVER_READ) return [['SETRANGE', key, random.between(0, 1000), 'x']];
  return [['SET', key, await replacement(view, key, undefined, (await redis.get(key)) ?? ''), 'KEEPTTL']];
};

const ofHash: Mutate = async (view, key) => {
  const { redis, random, seen } = view;
  const fields = await readFields(redis, key);
  const names = Object.keys(fields).toSorted();
  const field = pickOr(view, names, 'x');
  const other = pickOr(view, names, 'y');
  const text = fields[field] ?? '';
  const acts: (() => Promise<RedisCommand[]>)[] = [
    async () => [['HSET', key, field, await replacement(view, key, field, text)]],
    async () => [['HSET', key, field, await replacement(view, key, field, text)]],
    async () => [['HSET', key, field, fields[other] ?? '', other, text]],
    async () => [['HDEL', key, field]],
    async () => [['HSET', key, random.pick([`${field}2`, '__proto__', '01', '', 'toString']), text]],
    async () => {
      const gone = pickOr(view, seen.fields(key), field);
      return [['HSET', key, gone, seen.text(random, key, gone) ?? text]];
    },
    async () => [['HINCRBY', key, field, random.pick([1, -1, 1000, -1_000_000])]],
    async () => [['HSET', key, ...Array.from({ length: 200 }, (_, i) => [`x${i}`, oddText(random)]).flat()]],
  ];
  // The last act adds much: it is rare.
  return acts[random.next() < 0.01 ? acts.length - 1 : random.between(0, acts.length - 2)]!();
};

const ofSet: Mutate = async (view, key) => {
  const { redis, random, keys } = view;
  const [, members] = await redis.sscan(key, '0', 'COUNT', 2000);
  const member = pickOr(view, members.toSorted(), 'x');
  return random.pick<() => RedisCommand[]>([
    () => [['SADD', key, oddText(random)]],
    () => [['SADD', key, `${member}x`, editText(member, 'x', random)]],
    () => [['SREM', key, member]],
    () => [['SMOVE', key, keys.pickLike(key) ?? key, member]],
  ])();
};

const oddScores = ['-inf', '+inf', -1, 0, 1, 2 ** 53, 1e300, 4102444800000];

const ofSortedSet: Mutate = async (view, key) => {
  const { redis, random, keys } = view;
  const start = random.between(0, Math.max((await redis.zcard(key)) - 1, 0));
  const [member = 'x', score = '0'] = await redis.zrange(key, String(start), String(start), 'WITHSCORES');
  const like = keys.pickLike(key) ?? key;
  return random.pick<() => RedisCommand[]>([
    () => [['ZADD', key, random.pick(oddScores), member]],
    () => [['ZADD', key, score, editText(member, 'x', random)]],
    () => [['ZADD', key, random.pick(oddScores), oddText(random)]],
    () => [['ZREM', key, member]],
    () => [['ZADD', like, score, member]],
    () => [['ZINCRBY', key, random.pick([-1, 1, 3_600_000, -3_600_000]), member]],
  ])();
};

const ofList: Mutate = async (view, key) => {
  const { redis, random } = view;
  const index = random.between(0, Math.max((await redis.llen(key)) - 1, 0));
  const item = (await redis.lindex(key, index)) ?? 'x';
  return random.pick<() => RedisCommand[]>([
    () => [['LPUSH', key, oddText(random)]],
    () => [['RPUSH', key, item]],
    () => [['LSET', key, index, editText(item, 'x', random)]],
    () => [['LREM', key, 1, item]],
    () => [['LTRIM', key, 1, -1]],
  ])();
};

const ofStream: Mutate = async (view, key) => {
  const { redis, random, keys } = view;
  const newest = await redis.xrevrange(key, '+', '-', 'COUNT', 100);
  const [id, entry] = pickOr(view, newest, ['0-1', ['event', '{}']]);
  const [, other] = pickOr(view, newest, ['0-1', ['event', '{}']]);
  const [name = 'event', text = ''] = entry;
  const changed = editText(text.slice(0, NEVER_READ), (other[1] ?? '').slice(0, NEVER_READ), random);
  const like = keys.pickLike(key) ?? key;
  return random.pick<() => RedisCommand[]>([
    () => [['XADD', key, '*', name, changed]],
    () => [['XADD', key, '*', name, changed]],
    () => [['XADD', key, '*', ...(entry.length === 0 ? ['x', ''] : entry)]],
    () => [['XADD', key, '*', oddText(random), oddText(random)]],
    () => [['XADD', like, '*', name, text]],
    () => [['XDEL', key, id]],
    () => [['XTRIM', key, 'MAXLEN', random.pick([0, 1, 10])]],
    // No entry can follow the highest id.
    () => [['XSETID', key, random.pick(['18446744073709551615-18446744073709551614', '99999999999999-0'])]],
  ])();
};

const byType: Record<string, Mutate> = {
  string: ofString,
  hash: ofHash,
  set: ofSet,
  zset: ofSortedSet,
  list: ofList,
  stream: ofStream,
};

const withType = (key: string): RedisCommand[][] => [
  [['SET', key, 'x']],
  [['HSET', key, 'x', 'y']],
  [['SADD', key, 'x']],
  [['ZADD', key, 1, 'x']],
  [['RPUSH', key, 'x']],
  [['XADD', key, '*', 'x', 'y']],
];

const HUGE_TEXT = `string.rep('x', ${HUGE_BYTES})`;
const hugeScripts: Record<string, string> = {
  string: `redis.call('SET', KEYS[1], ${HUGE_TEXT}) return 1`,
  hash: `local fields = redis.call('HKEYS', KEYS[1])
redis.call('HSET', KEYS[1], fields[1] or 'x', ${HUGE_TEXT}) return 1`,
  stream: `redis.call('XADD', KEYS[1], '*', 'event', ${HUGE_TEXT}) return 1`,
  set: `redis.call('SADD', KEYS[1], ${HUGE_TEXT}) return 1`,
  zset: `redis.call('ZADD', KEYS[1], 0, ${HUGE_TEXT}) return 1`,
  list: `redis.call('LPUSH', KEYS[1], ${HUGE_TEXT}) return 1`,
};

/** Makes a field, an entry or a member of a key 100 MB long. */
export const makeHuge = async ({ redis, keys }: WriterView): Promise<Mutation | undefined> => {
  const key = keys.pick();
  const script = key === undefined ? undefined : hugeScripts[await redis.type(key)];
  if (key === undefined || script === undefined) return undefined;
  return { name: '100 MB', commands: [['EVAL', script, 1, key]] };
};

/** Replaces, moves, copies or ends a whole key, or puts an earlier state of it back. */
export const mutateKey = async ({ keys, random, seen }: WriterView): Promise<Mutation | undefined> => {
  const key = keys.pick();
  if (key === undefined) return undefined;
  const like = keys.pickLike(key) ?? key;
  const any = keys.pick()!;
  const earlier = seen.dump(random, key);
  const acts: [string, RedisCommand[]][] = [
    ['key removed', [['DEL', key]]],
    ['key of another type', [['DEL', key], ...random.pick(withType(key))]],
    ['key renamed', [['RENAME', key, like]]],
    ['key renamed', [['RENAME', key, random.pick([any, `${key}2`])]]],
    ['key copied', [['COPY', like, key, 'REPLACE']]],
    ['key copied', [['COPY', any, key, 'REPLACE']]],
    ['key expires', [['PEXPIRE', key, random.pick([1, 500, 3000])]]],
    ['key lasts', [['PERSIST', key]]],
  ];
  if (earlier) {
    const back: RedisCommand[] = [['RESTORE', key, 0, earlier, 'REPLACE']];
    acts.push(['key rolled back', back], ['key rolled back', back], ['key rolled back', back]);
  }
  const [name, commands] = random.pick(acts);
  return { name, commands };
};

/** Changes something inside a key. */
export const mutateInside = async (view: WriterView): Promise<Mutation | undefined> => {
  const key = view.keys.pick();
  if (key === undefined) return undefined;
  const type = await view.redis.type(key);
  const commands = await byType[type]?.(view, key);
  return commands && { name: `${type} changed`, commands };
};
