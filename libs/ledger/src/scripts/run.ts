import { RekeyError } from '@rekey/schema';
import type { Redis } from 'ioredis';
import { expectedBy } from '../time/expected-time.ts';
import { commandText } from './load.ts';
import type { CommandName } from './names.generated.ts';
import { surviveScriptFlush } from './script-flush.ts';

type Arg = string | number;
/** Runs a command: its reply is a list whose first element is a word. As `bytes`, each text is a Buffer. */
export type RunCommand = (name: CommandName, keys: string[], args: Arg[], as?: 'bytes') => Promise<unknown[]>;

/** Another client has written another type to a key of the ledger. */
export const isWrongType = (error: unknown): boolean =>
  error instanceof Error &&
  (/\bWRONGTYPE\b/.test(error.message) || (error instanceof RekeyError && isWrongType(error.cause)));
export const asCorrupt = (error: unknown): never => {
  throw isWrongType(error) ? new RekeyError('LEDGER_CORRUPT', { cause: error }) : error;
};

/** What another client has given another type reads as `otherwise`. */
export const unlessWrongType = <T>(reading: Promise<T>, otherwise: T): Promise<T> =>
  reading.catch((error: unknown) => {
    if (isWrongType(error)) return otherwise;
    throw error;
  });

export const unexpectedReply = (name: string, reply: unknown[]): Error =>
  new Error(`unexpected reply of the command ${name}: ${String(reply[0])}`);

type Call = (this: Redis, ...args: Arg[]) => Promise<unknown[]>;
const defined = new WeakMap<Redis, Map<string, Call>>();

/** Defines a command on a connection when it first runs: a process needs few of them. */
const callOn = (redis: Redis, name: CommandName, as: 'bytes' | undefined): Call => {
  const calls = defined.get(redis) ?? new Map<string, Call>();
  defined.set(redis, calls);
  const method = as === 'bytes' ? `rekey:${name}Buffer` : `rekey:${name}`;
  const known = calls.get(method);
  if (known) return known;
  redis.defineCommand(`rekey:${name}`, { lua: commandText(name) });
  const call = (redis as unknown as Record<string, Call>)[method]!;
  calls.set(method, call);
  return call;
};

/**
 * Runs commands on a connection. Each takes the prefix as its first argument, with the time that it should be
 * if a process watches the clock of this Redis. ioredis sends the digest of a command, and its text only to a
 * Redis that does not know it; see script-flush.ts. A command rejects with LEDGER_CORRUPT, and has written
 * nothing, if an entry that it needs has the wrong type; see call.lua.
 */
export const createRunner = (redis: Redis, prefix: string): RunCommand => {
  surviveScriptFlush(redis);
  return (name, keys, args, as) =>
    callOn(redis, name, as)
      .call(redis, keys.length, ...keys, `${prefix}${expectedBy(redis)?.argument() ?? ''}`, ...args)
      .catch(asCorrupt);
};
