import type { Redis } from 'ioredis';
import { ledgerKeys } from '../keys.ts';
/**
 * What a Redis user needs for a script: commands, and how the keys begin that it names itself, without the
 * prefix.
 */
export interface Rights {
  commands: string[];
  keys: string[];
}

/** What a script may do, from its text. Of PUBLISH it can do without; see `publish` in prelude.lua. */
export const rightsOf = (lua: string): Rights => {
  const code = lua.replaceAll(/^\s*--.*$/gm, '');
  const commands = [...code.matchAll(/\b(?:read|write|redis\.p?call)\('([A-Z]+)'/g)].map(
    ([, command]) => command!,
  );
  const keys = [...code.matchAll(/PREFIX \.\. '(:[\w-][^']*)'/g)].map(([, key]) =>
    key!.endsWith(':') ? `${key}x` : key!,
  );
  return {
    commands: [...new Set(commands)].filter((command) => command !== 'PUBLISH').toSorted(),
    keys: [...new Set(keys)].toSorted(),
  };
};

/** How many arguments a command takes after its key, at the least. */
const AFTER_KEY: Record<string, number> = {
  EXPIRE: 1,
  GETRANGE: 2,
  HDEL: 1,
  HEXISTS: 1,
  HGET: 1,
  HINCRBY: 2,
  HMGET: 1,
  HSET: 2,
  HSETNX: 2,
  LPUSH: 1,
  LRANGE: 2,
  LTRIM: 2,
  RPUSH: 1,
  SADD: 1,
  SET: 1,
  SETRANGE: 2,
  SREM: 1,
  XADD: 3,
  ZADD: 2,
  ZRANGE: 2,
  ZRANGEBYSCORE: 2,
  ZREM: 1,
  ZREMRANGEBYRANK: 2,
  ZREMRANGEBYSCORE: 2,
  ZSCORE: 1,
};
const KEYLESS = new Set(['INFO', 'TIME']);
const COUNTED = new Set(['ZDIFF']);

/** Arguments in Lua by which Redis can be asked whether a command may run on a key. */
export const argumentsOf = (command: string, key: string): string[] => {
  if (KEYLESS.has(command)) return [];
  if (command === 'ZUNIONSTORE') return [key, "'1'", key];
  if (COUNTED.has(command)) return ["'1'", key];
  return [key, ...Array.from({ length: AFTER_KEY[command] ?? 0 }, () => "'0'")];
};

/** What the processes send besides scripts. */
export const SENT_COMMANDS = [
  'BZPOPMIN',
  'CLIENT',
  'DEL',
  'EVAL',
  'EVALSHA',
  'EXEC',
  'EXISTS',
  'EXPIRE',
  'GET',
  'HDEL',
  'HEXISTS',
  'HGET',
  'HGETALL',
  'HLEN',
  'HMGET',
  'HSCAN',
  'HSET',
  'HSETNX',
  'INFO',
  'MGET',
  'MULTI',
  'PEXPIRE',
  'PING',
  'SADD',
  'SET',
  'SMEMBERS',
  'SMISMEMBER',
  'SUBSCRIBE',
  'TIME',
  'TYPE',
  'UNLINK',
  'WAIT',
  'XRANGE',
  'XREAD',
  'XREVRANGE',
  'ZCARD',
  'ZCOUNT',
  'ZDIFF',
  'ZRANGE',
  'ZRANGEBYSCORE',
  'ZREM',
  'ZREVRANGE',
  'ZSCAN',
];
/** What BullMQ's scripts consist of. */
export const BULL_COMMANDS = [
  'DEL',
  'EXISTS',
  'GET',
  'HDEL',
  'HEXISTS',
  'HGET',
  'HGETALL',
  'HINCRBY',
  'HLEN',
  'HMGET',
  'HMSET',
  'HSET',
  'INCR',
  'INCRBY',
  'LINDEX',
  'LLEN',
  'LPOP',
  'LPOS',
  'LPUSH',
  'LRANGE',
  'LREM',
  'LSET',
  'LTRIM',
  'PERSIST',
  'PEXPIRE',
  'PEXPIREAT',
  'PTTL',
  'RENAME',
  'RPOP',
  'RPOPLPUSH',
  'RPUSH',
  'SADD',
  'SCARD',
  'SET',
  'SISMEMBER',
  'SMEMBERS',
  'SREM',
  'TIME',
  'TYPE',
  'UNLINK',
  'XADD',
  'XDEL',
  'XLEN',
  'XRANGE',
  'XREAD',
  'XTRIM',
  'ZADD',
  'ZCARD',
  'ZCOUNT',
  'ZLEXCOUNT',
  'ZPOPMIN',
  'ZRANGE',
  'ZRANGEBYLEX',
  'ZRANGEBYSCORE',
  'ZREM',
  'ZREMRANGEBYRANK',
  'ZREMRANGEBYSCORE',
  'ZREVRANGE',
  'ZREVRANGEBYSCORE',
  'ZSCORE',
];
/** `PUBLISH` on each of these, and `SUBSCRIBE` by those who wait. */
const CHANNELS = ['events', 'bulk-changed', 'rotation-ended'];

/**
 * Asks whether the user may run commands: ARGV is a key, how many words the first one has, these, and so on.
 * Of one word, as many arguments as the command wants are added.
 * Returns the numbers of those that it may not run.
 */
const ASK = `
local refused, at, number = {}, 2, 1
local function may(words)
  local fits, answer = pcall(redis.acl_check_cmd, unpack(words))
  return fits, fits and answer
end
while at <= #ARGV do
  local count = tonumber(ARGV[at])
  local words = { unpack(ARGV, at + 1, at + count) }
  local fits, answer = may(words)
  local more = count == 1 and 5 or 0
  for i = 1, more do
    if fits then break end
    words[#words + 1] = i == 1 and ARGV[1] or '0'
    fits, answer = may(words)
  end
  if not answer then refused[#refused + 1] = number end
  at, number = at + 1 + count, number + 1
end
return refused`;

/** Commands whose keys are not their first argument, or that need more than one. */
const wordsOf = (command: string, key: string): string[] =>
  ({
    CLIENT: ['SETNAME', '0'],
    RENAME: [key, key],
    RPOPLPUSH: [key, key],
    SUBSCRIBE: [],
    XREAD: ['STREAMS', key, '0'],
    ZDIFF: ['1', key],
    ZUNIONSTORE: [key, '1', key],
  })[command] ?? [];

/**
 * What the user of a connection lacks of the rights that gateway and worker need, in words; empty if nothing.
 * It asks Redis and changes nothing. `scripts`: the texts of all of them.
 */
export const findMissingRights = async (
  redis: Redis,
  prefix: string,
  scripts: readonly string[],
): Promise<string[]> => {
  const keys = ledgerKeys(prefix);
  const own = scripts.map(rightsOf);
  const sample = keys.rotation('x');
  const commands = [...new Set([...SENT_COMMANDS, ...BULL_COMMANDS, ...own.flatMap((one) => one.commands)])]
    .filter((command) => command !== 'SUBSCRIBE')
    .toSorted();
  const named = Object.entries(keys).flatMap(([name, key]) =>
    name === 'prefix'
      ? []
      : name === 'bull'
        ? [`${key}:x:wait`]
        : [typeof key === 'function' ? key('x') : (key as string)],
  );
  const written = [
    ...new Set([...named, ...own.flatMap((one) => one.keys.map((key) => `${keys.prefix}${key}`))]),
  ].toSorted();
  const asked = [
    ...commands.map((command) => ({
      words: [command, ...wordsOf(command, sample)],
      what: `the command ${command}`,
    })),
    ...written.map((key) => ({ words: ['DEL', key], what: `the key ${key}` })),
    ...CHANNELS.flatMap((name) =>
      [
        ['PUBLISH', `${keys.prefix}:${name}`, '0'],
        ['SUBSCRIBE', `${keys.prefix}:${name}`],
      ].map((words) => ({ words, what: `${words[0]} on the channel ${words[1]!}` })),
    ),
  ];
  try {
    const refused = (await redis.call(
      'EVAL',
      ASK,
      '0',
      sample,
      ...asked.flatMap(({ words }) => [String(words.length), ...words]),
    )) as number[];
    const isBare = (what: string) => what.startsWith('the command');
    const missing = refused.map((number) => asked[number - 1]!.what);
    // Without a command or its keys, what needs it is not named as well.
    return missing.includes('the command DEL') ? missing.filter(isBare) : missing;
  } catch (error) {
    if (error instanceof Error && error.message.startsWith('NOPERM')) return ['the command EVAL'];
    throw error;
  }
};
