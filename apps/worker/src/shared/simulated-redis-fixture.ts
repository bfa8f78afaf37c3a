import { Redis } from 'ioredis';

/** Changes of a command's text that plant a bug: from → to. */
export type Patches = Record<string, [from: string, to: string][]>;

const NOW = 'simulated-now';
const replaceOnce = (text: string, from: string, to: string): string => {
  if (text.split(from).length !== 2)
    throw new Error(`the text to replace does not occur exactly once: ${from}`);
  return text.replace(from, () => to);
};

/**
 * A connection to a real Redis whose commands take the time from a key instead of the clock. The ledger does
 * not know: the text of the Lua commands changes on its way to Redis.
 */
export const connectSimulated = (url: string, patches: Patches = {}): Redis => {
  const redis = new Redis(url);
  const define = redis.defineCommand.bind(redis);
  const names = new Set(Object.keys(patches));
  redis.defineCommand = (command, definition) => {
    const name = command.replace('rekey:', '');
    names.delete(name);
    // A command that does not ask for the time has no such text.
    let lua = definition.lua.replaceAll(
      `redis.call('TIME')`,
      () => `redis.call('HMGET', '${NOW}', 's', 'us')`,
    );
    for (const [from, to] of patches[name] ?? []) lua = replaceOnce(lua, from, to);
    define(command, { ...definition, lua });
  };
  const { disconnect } = redis;
  redis.disconnect = (...args) => {
    disconnect.apply(redis, args);
    if (names.size > 0) throw new Error(`these commands never ran: ${[...names].join(', ')}`);
  };
  redis.time = (async () => (await redis.hmget(NOW, 's', 'us')).map(Number)) as typeof redis.time;
  return redis;
};

/** Commands that are sent after it use this time: one connection keeps the order. */
export const setRedisTime = (redis: Redis, nowMs: number): Promise<unknown> =>
  redis.hset(NOW, { s: Math.floor(nowMs / 1000), us: (nowMs % 1000) * 1000 });
