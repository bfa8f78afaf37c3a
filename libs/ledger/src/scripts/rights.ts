/**
 * What a Redis user needs for a script: commands, and the beginnings of the keys that it names, without the
 * prefix.
 */
export interface Rights {
  commands: string[];
  keys: string[];
  /** Of the keys that it names, those that it only reads. They are not among `keys`. */
  readKeys: string[];
}

/** A key that a call names, of a command that only reads. */
const READ_OF_KEY = new RegExp(
  String.raw`\b(?:read|redis\.p?call)\('(?:EXISTS|TYPE|STRLEN|GET|GETRANGE|HGET|HMGET|HLEN|HSTRLEN|HEXISTS` +
    String.raw`|LLEN|LRANGE|SCARD|SISMEMBER|XLEN|XRANGE|XREVRANGE` +
    String.raw`|ZCARD|ZCOUNT|ZRANDMEMBER|ZRANGE|ZRANGEBYSCORE|ZSCORE)'` +
    String.raw`, PREFIX \.\. '[^']*'`,
  'g',
);

/** What a script may do, from its text. It completes without PUBLISH: see publish.lua. */
export const rightsOf = (lua: string): Rights => {
  const code = lua.replaceAll(/^\s*--.*$/gm, '');
  const commands = [...code.matchAll(/\b(?:read|write|redis\.p?call)\('([A-Z]+)'/g)].map(
    ([, command]) => command!,
  );
  const keysIn = (text: string) =>
    [...text.matchAll(/PREFIX \.\. '(:[\w-][^']*)'/g)].map(([, key]) =>
      key!.endsWith(':') ? `${key}x` : key!,
    );
  // What is done with a key that is kept in a variable is unknown here: it counts as written.
  const keys = new Set(keysIn(code.replaceAll(READ_OF_KEY, '')));
  return {
    commands: [...new Set(commands)].filter((command) => command !== 'PUBLISH').toSorted(),
    keys: [...keys].toSorted(),
    readKeys: [...new Set(keysIn(code))].filter((key) => !keys.has(key)).toSorted(),
  };
};

/** The least number of arguments that a command takes after its key. */
const AFTER_KEY: Record<string, number> = {
  EXPIRE: 1,
  GETRANGE: 2,
  HDEL: 1,
  HEXISTS: 1,
  HGET: 1,
  HINCRBY: 2,
  HMGET: 1,
  HSET: 2,
  HRANDFIELD: 1,
  HSETNX: 2,
  HSTRLEN: 1,
  LPOS: 1,
  LPUSH: 1,
  LRANGE: 2,
  LTRIM: 2,
  PEXPIRE: 1,
  RPUSH: 1,
  SADD: 1,
  SET: 1,
  SISMEMBER: 1,
  SETRANGE: 2,
  SREM: 1,
  XADD: 3,
  XRANGE: 2,
  XREVRANGE: 2,
  XTRIM: 2,
  ZADD: 2,
  ZCOUNT: 2,
  ZRANGE: 2,
  ZRANGEBYSCORE: 2,
  ZREM: 1,
  ZREMRANGEBYRANK: 2,
  ZREMRANGEBYSCORE: 2,
  ZSCORE: 1,
};
const KEYLESS = new Set(['INFO', 'TIME']);
const COUNTED = new Set(['ZDIFF']);

/** Arguments in Lua with which Redis answers whether a command may run on a key. */
export const argumentsOf = (command: string, key: string): string[] => {
  if (KEYLESS.has(command)) return [];
  if (command === 'ZUNIONSTORE') return [key, "'1'", key];
  if (COUNTED.has(command)) return ["'1'", key];
  if (command === 'XINFO') return ["'STREAM'", key];
  return [key, ...Array.from({ length: AFTER_KEY[command] ?? 0 }, () => "'0'")];
};
