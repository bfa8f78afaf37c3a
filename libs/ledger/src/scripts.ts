import { readFileSync } from 'node:fs';
import { RekeyError } from '@rekey/schema';
import type { Redis } from 'ioredis';
import { expectedBy } from './expected-time.ts';
import { surviveScriptFlush } from './script-flush.ts';

const commandNames = [
  'accept', 'adopt', 'begin', 'bulk-claim', 'bulk-create', 'bulk-draw', 'bulk-end-range', 'bulk-renew', 'bulk-save', 'bulk-steer', 'bulk-trim', 'cancel', 'claim', 'clock', 'commit', 'compare', 'condemn', 'consumer-write', 'draw-checks', 'end-check', 'fail', 'freeze', 'give-back', 'look', 'lost', 'mark-uncertain', 'open-budget', 'org-accept', 'org-adopt', 'org-alias', 'org-hold', 'org-limits', 'org-move', 'org-swept', 'policy-begin', 'policy-create', 'policy-write', 'process-beat', 'recognise', 'release', 'request-check', 'reseal',
  'settle', 'slow-down', 'sweep-begin', 'sweep-create', 'sweep-save', 'take-slot', 'trim', 'unknown',
] as const;
type CommandName = (typeof commandNames)[number];

type Arg = string | number;
type Run = (keys: string[], args: Arg[], ...more: Arg[]) => Promise<[string, ...unknown[]]>;

const readCommand = (name: string): string => readFileSync(new URL(`./commands/${name}.lua`, import.meta.url), 'utf8');

/** What the prelude defines at its top level, in order, and by which names. */
const definitionsOf = (prelude: string): { named: RegExp; text: string }[] =>
  prelude.split(/^(?=local )/m).map((text) => {
    const [, names = ''] = /^local (?:function )?([\w, ]+)/.exec(text) ?? [];
    return { text, named: new RegExp(`\\b(?:${names.trim().split(/,\s*/).join('|')})\\b`) };
  });

/** A command with what it needs of the prelude, and what that needs in turn: each call makes all functions of its text anew. */
const withNeeded = (command: string, definitions: ReturnType<typeof definitionsOf>): string =>
  definitions.reduceRight((rest, { named, text }) => (named.test(rest) ? text + rest : rest), command);

/** The whole text of a command. Redis reads a script's flags from its first line, so that one stands before all else. */
const textOf = (command: string, definitions: ReturnType<typeof definitionsOf>): string => {
  const [, flags = '', rest = ''] = /^(#!lua[^\n]*\n)?([^]*)$/.exec(command)!;
  return flags + withNeeded(rest, definitions);
};

/** Read and put together once, however many connections it is given to. */
const texts = new Map<string, string>();
let definitions: ReturnType<typeof definitionsOf> | undefined;

/** The text of a command as Redis gets it. */
export const commandText = (name: string): string => {
  definitions ??= definitionsOf(readCommand('prelude'));
  const text = texts.get(name) ?? textOf(readCommand(name), definitions);
  texts.set(name, text);
  return text;
};

/** A key of another type than the ledger's was put there by somebody else. */
export const isWrongType = (error: unknown): boolean => error instanceof Error && /\bWRONGTYPE\b/.test(error.message);
export const asCorrupt = (error: unknown): never => {
  throw isWrongType(error) ? new RekeyError('LEDGER_CORRUPT', { cause: error }) : error;
};

/**
 * Gives each .lua file of `commands/` as a function. All take the prefix as their first argument, with the time that it should be if a process watches
 * the clock of this Redis (see now_us in prelude.lua), and answer with a list
 * whose first element is a word. ioredis sends the digest, and the text only to a Redis that does not know it; see script-flush.ts. Where an entry has
 * not the type that it should have, they reject with LEDGER_CORRUPT; what
 * they had written by then stays, as Redis has it.
 */
export const defineScripts = (redis: Redis, prefix: string): Record<CommandName, Run> => {
  surviveScriptFlush(redis);
  const define = (name: CommandName): Run => {
    const command = `rekey:${name}`;
    redis.defineCommand(command, { lua: commandText(name) });
    const call = (redis as unknown as Record<string, (...args: Arg[]) => Promise<[string, ...unknown[]]>>)[command]!;
    return (keys, args, ...more) => call.call(redis, keys.length, ...keys, `${prefix}${expectedBy(redis)?.argument() ?? ''}`, ...args, ...more).catch(asCorrupt);
  };
  return Object.fromEntries(commandNames.map((name) => [name, define(name)])) as Record<CommandName, Run>;
};
