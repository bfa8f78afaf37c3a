import type { Redis } from 'ioredis';

type Call = (...args: unknown[]) => Promise<unknown>;

/** ioredis keeps the definitions of a connection here, including those that tests change. */
interface WithScripts {
  scriptsSet: Record<string, { lua: string; numberOfKeys: number | null }>;
}

const prepared = new WeakSet<Redis>();

const isUnknownScript = (error: unknown): boolean =>
  error instanceof Error && error.message.startsWith('NOSCRIPT');

/**
 * Makes the scripts that are defined on a connection from now on, Rekey's and BullMQ's, survive a SCRIPT
 * FLUSH at any moment. ioredis sends a script by its digest once a call has sent its text, and after a
 * NOSCRIPT it retries once, perhaps by digest again: a second flush in between fails the call. NOSCRIPT means
 * that nothing has run, so this sends the text itself, which no flush can fail. Safe to repeat.
 */
export const surviveScriptFlush = (redis: Redis): void => {
  if (prepared.has(redis)) return;
  prepared.add(redis);
  const define = redis.defineCommand.bind(redis);
  const commands = redis as unknown as Record<string, Call> & WithScripts;
  redis.defineCommand = (name, definition) => {
    define(name, definition);
    const survive = (method: string, evalText: 'eval' | 'evalBuffer'): void => {
      const byDigest = commands[method]!;
      commands[method] = (...args) =>
        byDigest.apply(redis, args).catch((error: unknown) => {
          if (!isUnknownScript(error)) throw error;
          const { lua, numberOfKeys } = commands.scriptsSet[name]!;
          return commands[evalText]!.call(
            redis,
            lua,
            ...(numberOfKeys === null ? [] : [numberOfKeys]),
            ...args,
          );
        });
    };
    survive(name, 'eval');
    survive(`${name}Buffer`, 'evalBuffer');
  };
};
