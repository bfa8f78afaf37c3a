import { readFileSync, readdirSync } from 'node:fs';
import { RekeyError } from '@rekey/schema';
import type { Redis } from 'ioredis';
import { expectedBy } from '../time/expected-time.ts';
import { argumentsOf, findMissingRights, rightsOf, type Rights } from './rights.ts';
import { surviveScriptFlush } from './script-flush.ts';

export const commandNames = [
  'accept',
  'adopt',
  'begin-check',
  'bulk-claim',
  'bulk-create',
  'bulk-draw',
  'bulk-end-range',
  'bulk-renew',
  'bulk-save',
  'bulk-transition',
  'bulk-trim',
  'cancel',
  'claim',
  'clock',
  'commit',
  'compare',
  'consumer-write',
  'draw-checks',
  'end-check',
  'fail',
  'fail-corrupt',
  'find-orphans',
  'freeze',
  'mark-uncertain',
  'note-unknown',
  'open-budget',
  'org-accept',
  'org-adopt',
  'org-alias',
  'org-hold',
  'org-limits',
  'org-move',
  'org-swept',
  'policy-begin',
  'policy-create',
  'policy-write',
  'process-beat',
  'recognise-ledger',
  'recognise-redis',
  'release',
  'request-check',
  'reseal',
  'return-to-bulk',
  'settle',
  'slow-down',
  'sweep-begin',
  'sweep-create',
  'sweep-save',
  'take-slot',
  'trim',
] as const;
type CommandName = (typeof commandNames)[number];

type Arg = string | number;
type Run = (keys: string[], args: Arg[], ...more: Arg[]) => Promise<[string, ...unknown[]]>;

/** The folder of each command: every aggregate keeps its own in `commands/`. */
const sources = new URL('../', import.meta.url);
const files = new Map(
  readdirSync(sources, { recursive: true, encoding: 'utf8' }).flatMap((path): [string, string][] => {
    const [, name] = /^\w+\/(?:commands|lua)\/([\w-]+)\.lua$/.exec(path) ?? [];
    return name === undefined ? [] : [[name, path]];
  }),
);
const readCommand = (name: string): string => readFileSync(new URL(files.get(name)!, sources), 'utf8');

/** What the prelude defines at its top level, in order, and by which names. */
const definitionsOf = (prelude: string): { named: RegExp; text: string }[] =>
  prelude.split(/^(?=local )/m).map((text) => {
    const [, names = ''] = /^local (?:function )?([\w, ]+)/.exec(text) ?? [];
    return { text, named: new RegExp(`\\b(?:${names.trim().split(/,\s*/).join('|')})\\b`) };
  });

/**
 * A command with what it needs of the prelude, and what that needs in turn: each call makes all functions of
 * its text anew.
 */
const withNeeded = (command: string, definitions: ReturnType<typeof definitionsOf>): string =>
  definitions.reduceRight((rest, { named, text }) => (named.test(rest) ? text + rest : rest), command);

/** Of the keys that a command is given, those that follow are of the same kinds. */
const KEYS_ASKED = 6;

/**
 * Asks Redis whether its user may run commands on the first keys that a script is given, and on others: a
 * right that is missing in the middle would leave the rest undone.
 */
const askRights = ({ commands, keys }: Rights): string => {
  const asked = commands.map(
    (command) => `ask(${[`'${command}'`, ...argumentsOf(command, 'KEYS[1]')].join(', ')})`,
  );
  const all = [
    "'DEL'",
    ...keys.map((key) => `PREFIX .. '${key}'`),
    `unpack(KEYS, 1, math.min(#KEYS, ${KEYS_ASKED}))`,
  ];
  return `local ask = redis.acl_check_cmd
if not (${[...asked, `ask(${all.join(', ')})`].join(' and ')}) then
  return redis.error_reply('NOPERM the Redis user of Rekey lacks a right: nothing was written. See: rekey doctor')
end
`;
};

/**
 * `-- ask: HSET ZADD`, or `-- ask: all`: where a command that is run very often asks for rights itself, and
 * for no more than it needs there.
 */
const ASKS = /^ *-- ask: (.*)\n/gm;
const allOrSome = (all: Rights, names: string): Rights =>
  names === 'all' ? all : { commands: names.split(' '), keys: [] };

/**
 * `-- late: finish`: in a command that runs very often and seldom needs it, that function of the prelude, and
 * what is needed by it alone, is made when it is called.
 */
const LATE = /^-- late: (\w+)\n/m;
const withLate = (rest: string, definitions: ReturnType<typeof definitionsOf>): string => {
  const [line, name] = LATE.exec(rest) ?? [];
  if (line === undefined || name === undefined) return withNeeded(`PREFIX ${rest}`, definitions);
  const call = `  return ${name}(...)\n`;
  const others = definitions.filter(({ text }) => !text.startsWith(`local function ${name}(`));
  const early = others.filter(({ text }) => withNeeded(`PREFIX ${rest}`, others).includes(text));
  const late = withNeeded(
    call,
    definitions.filter((one) => !early.includes(one)),
  );
  return withNeeded(`PREFIX local function ${name}(...)\n${late}end\n${rest}`, early);
};

/**
 * The whole text of a command, with what asks for its rights before it. Redis reads a script's flags from its
 * first line, so that one stands before all else.
 */
const textOf = (command: string, definitions: ReturnType<typeof definitionsOf>): string => {
  const [, flags = '', rest = ''] = /^(#!lua[^\n]*\n)?([^]*)$/.exec(command)!;
  const whole = withLate(rest, definitions);
  const prelude = whole
    .slice(0, -rest.length)
    .replace('PREFIX local function', 'local function')
    .replace(/PREFIX $/, '');
  const rights = rightsOf(whole);
  const asking = rest.replaceAll(ASKS, (_line, names: string) => askRights(allOrSome(rights, names)));
  return `${flags}${prelude}${asking === rest ? askRights(rights) : ''}${asking}`;
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

/**
 * What the user of a connection lacks of the rights that gateway and worker need, in words; empty if nothing.
 * It asks Redis and changes nothing.
 */
export const missingRights = (redis: Redis, prefix: string): Promise<string[]> =>
  findMissingRights(redis, prefix, commandNames.map(commandText));

/** A key of another type than the ledger's was put there by somebody else. */
export const isWrongType = (error: unknown): boolean =>
  error instanceof Error && /\bWRONGTYPE\b/.test(error.message);
export const asCorrupt = (error: unknown): never => {
  throw isWrongType(error) ? new RekeyError('LEDGER_CORRUPT', { cause: error }) : error;
};

/**
 * Gives each .lua file of `commands/` as a function. All take the prefix as their first argument, with the
 * time that it should be if a process watches the clock of this Redis (see now_us in prelude.lua), and answer
 * with a list whose first element is a word. ioredis sends the digest, and the text only to a Redis that does
 * not know it; see script-flush.ts. Where an entry has not the type that it should have, they reject with
 * LEDGER_CORRUPT, and have written nothing; see "all or nothing" in prelude.lua.
 */
export const defineScripts = (redis: Redis, prefix: string): Record<CommandName, Run> => {
  surviveScriptFlush(redis);
  const define = (name: CommandName): Run => {
    const command = `rekey:${name}`;
    redis.defineCommand(command, { lua: commandText(name) });
    const call = (redis as unknown as Record<string, (...args: Arg[]) => Promise<[string, ...unknown[]]>>)[
      command
    ]!;
    return (keys, args, ...more) =>
      call
        .call(
          redis,
          keys.length,
          ...keys,
          `${prefix}${expectedBy(redis)?.argument() ?? ''}`,
          ...args,
          ...more,
        )
        .catch(asCorrupt);
  };
  return Object.fromEntries(commandNames.map((name) => [name, define(name)])) as Record<CommandName, Run>;
};
