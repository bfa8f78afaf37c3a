import type { Redis } from 'ioredis';
import { ledgerKeys, type Keys } from '../keys.ts';
import { rightsOfCommands } from './rights.generated.ts';
import { BULL_COMMANDS, SENT_COMMANDS } from './sent-commands.ts';

/** The processes PUBLISH and SUBSCRIBE on these. */
const CHANNELS = ['events', 'hints', 'bulk-changed', 'registry-written', 'rotation-ended'];

/**
 * Asks whether the user may run commands. ARGV is a key, then for each command the number of its words, and
 * the words. A command of one word gets as many arguments as it needs. Returns the numbers of the commands
 * that the user may not run.
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

/** Commands whose key is not their first argument, or that need more than one argument. */
const wordsOf = (command: string, key: string): string[] =>
  ({
    CLIENT: ['SETNAME', '0'],
    RENAME: [key, key],
    RPOPLPUSH: [key, key],
    SUBSCRIBE: [],
    XINFO: ['STREAM', key],
    XREAD: ['STREAMS', key, '0'],
    ZDIFF: ['1', key],
    ZUNIONSTORE: [key, '1', key],
  })[command] ?? [];

interface Question {
  words: string[];
  what: string;
}

/** A key of each kind that the processes name. */
const sampleKeys = (keys: Keys): string[] =>
  Object.entries(keys).flatMap(([name, key]) => {
    if (name === 'prefix') return [];
    if (name === 'bull') return [`${key}:x:wait`];
    return [typeof key === 'function' ? key('x') : (key as string)];
  });

type Role = 'gateway' | 'worker';

/** Keys that a gateway only reads: what workers publish, note or archive, and what consumers report. */
const READ_BY_GATEWAYS =
  /^:(current:|assistants:|versions:|index|alias|answers$|archive$|archiving$|configured$)/;

const questionsOf = (keys: Keys, role: Role): Question[] => {
  const isOnlyRead = (key: string) =>
    role === 'gateway' && READ_BY_GATEWAYS.test(key.slice(keys.prefix.length));
  const commands = new Set([...SENT_COMMANDS, ...BULL_COMMANDS, ...rightsOfCommands.commands]);
  commands.delete('SUBSCRIBE');
  const ownKeys = rightsOfCommands.keys.map((key) => `${keys.prefix}${key}`);
  return [
    ...[...commands].toSorted().map((command) => ({
      words: [command, ...wordsOf(command, keys.rotation('x'))],
      what: `the command ${command}`,
    })),
    ...[...new Set([...sampleKeys(keys), ...ownKeys])]
      .toSorted()
      .map((key) => ({ words: [isOnlyRead(key) ? 'EXISTS' : 'DEL', key], what: `the key ${key}` })),
    ...CHANNELS.flatMap((name) =>
      [
        ['PUBLISH', `${keys.prefix}:${name}`, '0'],
        ['SUBSCRIBE', `${keys.prefix}:${name}`],
      ].map((words) => ({ words, what: `${words[0]} on the channel ${words[1]!}` })),
    ),
  ];
};

/**
 * The rights that a gateway or a worker needs and the user of a connection lacks, in words; empty if it
 * lacks none. It asks Redis and changes nothing.
 */
export const missingRights = async (
  redis: Redis,
  prefix: string,
  role: Role = 'worker',
): Promise<string[]> => {
  const keys = ledgerKeys(prefix);
  const questions = questionsOf(keys, role);
  const words = questions.flatMap((question) => [String(question.words.length), ...question.words]);
  try {
    const refused = (await redis.call('EVAL', ASK, '0', keys.rotation('x'), ...words)) as number[];
    const missing = refused.map((number) => questions[number - 1]!.what);
    // Without a command or its keys, what needs it is not named as well.
    const isCommand = (what: string) => what.startsWith('the command');
    return missing.includes('the command DEL') ? missing.filter(isCommand) : missing;
  } catch (error) {
    if (error instanceof Error && error.message.startsWith('NOPERM')) return ['the command EVAL'];
    throw error;
  }
};
