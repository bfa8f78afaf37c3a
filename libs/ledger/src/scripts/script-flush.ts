import type { Redis } from 'ioredis';

type Call = (...args: unknown[]) => Promise<unknown>;

/** ioredis keeps the definitions of a connection here; those that tests change are changed here too. */
interface WithScripts {
  scriptsSet: Record<string, { lua: string; numberOfKeys: number | null }>;
}

const prepared = new WeakSet<Redis>();

const isUnknownScript = (error: unknown): boolean =>
  error instanceof Error && error.message.startsWith('NOSCRIPT');

/**
 * Has the scripts of a connection that are defined from now on, Rekey's and BullMQ's, survive SCRIPT FLUSH at
 * any moment. ioredis sends a script by its digest as soon as any call has sent its text, and answers a
 * NOSCRIPT with one more try that may be by digest again: a second flush in between fails the call. NOSCRIPT
 * says that nothing has run, so that the text itself is sent then, which no flush can fail. Safe to repeat.
 */
export const surviveScriptFlush = (redis: Redis): void => {
  if (prepared.has(redis)) return;
  prepared.add(redis);
  const define = redis.defineCommand.bind(redis);
  const commands = redis as unknown as Record<string, Call> & WithScripts;
  redis.defineCommand = (name, definition) => {
    define(name, definition);
    const byDigest = commands[name]!;
    commands[name] = (...args) =>
      byDigest.apply(redis, args).catch((error: unknown) => {
        if (!isUnknownScript(error)) throw error;
        const { lua, numberOfKeys } = commands.scriptsSet[name]!;
        return (redis.eval as Call).call(
          redis,
          lua,
          ...(numberOfKeys === null ? [] : [numberOfKeys]),
          ...args,
        );
      });
  };
};
