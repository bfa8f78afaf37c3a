import { readFileSync } from 'node:fs';
import type { Redis } from 'ioredis';

const commandNames = ['accept', 'begin', 'cancel', 'claim', 'commit', 'fail', 'lost', 'release', 'settle', 'trim', 'unknown'] as const;
type CommandName = (typeof commandNames)[number];

type Arg = string | number;
type Run = (keys: string[], args: Arg[], ...more: Arg[]) => Promise<[string, ...unknown[]]>;

const readCommand = (name: string): string => readFileSync(new URL(`./commands/${name}.lua`, import.meta.url), 'utf8');

/**
 * Gives each .lua file of `commands/` as a function. All take the prefix as their first argument and answer with a list
 * whose first element is a word. ioredis sends the digest, and the text only to a Redis that does not know it.
 */
export const defineScripts = (redis: Redis, prefix: string): Record<CommandName, Run> => {
  const prelude = readCommand('prelude');
  const define = (name: CommandName): Run => {
    const command = `rekey:${name}`;
    redis.defineCommand(command, { lua: `${prelude}\n${readCommand(name)}` });
    const call = (redis as unknown as Record<string, (...args: Arg[]) => Promise<[string, ...unknown[]]>>)[command]!;
    return (keys, args, ...more) => call.call(redis, keys.length, ...keys, prefix, ...args, ...more);
  };
  return Object.fromEntries(commandNames.map((name) => [name, define(name)])) as Record<CommandName, Run>;
};
