import { expand, inputLocals } from './expand.ts';
import { parseHeader, type Header } from './header.ts';
import { commandFolders, type CommandName } from './names.generated.ts';
import { readSource } from './read-source.ts';
import { argumentsOf, rightsOf, type Rights } from './rights.ts';

export const commandNames = Object.keys(commandFolders) as CommandName[];

const headers = new Map<CommandName, Header>();
/** The header of a command, and its code. */
export const headerOf = (name: CommandName): Header => {
  const known =
    headers.get(name) ?? parseHeader(name, readSource(`${commandFolders[name]}/commands/${name}.lua`));
  headers.set(name, known);
  return known;
};

const included = new Map<string, Header>();
/** A file that commands include. Its header says what it is for and what it includes itself. */
export const includeOf = (path: string): Header => {
  const [aggregate, file] = path.split('/');
  const known = included.get(path) ?? parseHeader(path, readSource(`${aggregate}/lua/${file}.lua`));
  included.set(path, known);
  return known;
};

/** What these files include, and themselves: each once, after what it needs. */
const closureOf = (paths: readonly string[], before: readonly string[] = []): string[] => {
  const found: string[] = [];
  const visit = (path: string): void => {
    if (found.includes(path) || before.includes(path)) return;
    for (const needed of includeOf(path).includes) visit(needed);
    found.push(path);
  };
  for (const path of paths) visit(path);
  return found;
};

/** One piece of a command's text: an included file, or the command itself. */
interface Piece {
  name: string;
  text: string;
}

/**
 * What a command consists of: included files, and its own code at the end. `late`: made when it is called.
 */
export const piecesOf = (name: CommandName): { early: Piece[]; late: Piece[]; own: Piece } => {
  const header = headerOf(name);
  const piece = (path: string): Piece => ({ name: path, text: expand(includeOf(path).body, header) });
  const early = closureOf(header.includes);
  return {
    early: early.map(piece),
    late: header.late === undefined ? [] : closureOf([header.late], early).map(piece),
    own: { name, text: expand(header.body, header) },
  };
};

/**
 * The last function of a file that a command seldom calls, with what only it needs: Redis makes all functions
 * of a script anew for each call of it.
 */
const lateText = (late: readonly Piece[]): string => {
  const name = [...late.at(-1)!.text.matchAll(/^local function (\w+)\(/gm)].at(-1)![1]!;
  return `local function ${name}(...)\n${late.map(({ text }) => text).join('')}return ${name}(...)\nend\n`;
};

const NO_RIGHT = 'NOPERM the Redis user of Rekey lacks a right: nothing was written. See: rekey doctor';

/** Of the keys that a command is given, those that follow are of the same kinds. */
const KEYS_ASKED = 6;

/**
 * Asks Redis whether its user may run commands on the first keys that a script is given, and on others: a
 * right that is missing in the middle would leave the rest undone.
 */
const askRights = (
  { commands, keys, readKeys }: Rights,
  isGivenKeys: boolean,
  named: readonly string[] = [],
): string => {
  const nameOf = (key: string) => `PREFIX .. '${key}'`;
  const first = isGivenKeys ? 'KEYS[1]' : nameOf([...keys, ...readKeys][0] ?? ':x');
  const asked = commands.map(
    (command) => `ask(${[`'${command}'`, ...argumentsOf(command, first)].join(', ')})`,
  );
  for (const name of named) {
    const [command = '', key = ''] = name.split(':');
    asked.push(`ask(${[`'${command}'`, ...argumentsOf(command, nameOf(`:${key}`))].join(', ')})`);
  }
  if (readKeys.length > 0) asked.push(`ask(${["'EXISTS'", ...readKeys.map(nameOf)].join(', ')})`);
  const written = keys.map(nameOf);
  if (isGivenKeys) written.push(`unpack(KEYS, 1, math.min(#KEYS, ${KEYS_ASKED}))`);
  if (written.length > 0) asked.push(`ask(${["'DEL'", ...written].join(', ')})`);
  return `local ask = redis.acl_check_cmd
if not (${asked.join(' and ')}) then
  return redis.error_reply('${NO_RIGHT}')
end
`;
};

/**
 * `-- @ask HSET ZADD XADD:activity`, or `-- @ask all`: a command that runs very often asks for rights itself,
 * and for no more than it needs from there on: for commands on its keys, or on the key that is named. All
 * others ask for all of theirs first.
 */
const ASKS = /^ *-- @ask (.*)\n/gm;
const withAsks = (own: string, rights: Rights, isGivenKeys: boolean): string => {
  const asking = own.replaceAll(ASKS, (_line, names: string) => {
    if (names === 'all') return askRights(rights, isGivenKeys);
    const all = names.split(' ');
    const commands = all.filter((name) => !name.includes(':'));
    const named = all.filter((name) => name.includes(':'));
    return askRights({ commands, keys: [], readKeys: [] }, isGivenKeys, named);
  });
  return asking === own ? askRights(rights, isGivenKeys) + own : asking;
};

/**
 * The first argument of every command: the prefix of all keys, in braces, which pins them to one slot. A
 * process that watches the clock of Redis adds the time that it expects and by how many ms Redis may differ
 * from it: less than 0 while the process cannot tell what time it is. See time/lua/now.lua.
 */
const PREFIX = `local PREFIX, EXPECTED_MS, TOLERANCE_MS =
  string.match(ARGV[1], '^(%S+) ?(%d*) ?(-?%d*)$')
`;

const textOf = (name: CommandName): string => {
  const header = headerOf(name);
  const { early, late, own } = piecesOf(name);
  const before = early.map(({ text }) => text).join('') + (late.length > 0 ? lateText(late) : '');
  const inputs = inputLocals(header);
  // A local is read faster than a global; `NAME.FIELD` of a group reads these often.
  const lists = header.each ? 'local keys_, args_ = KEYS, ARGV\n' : '';
  const isGivenKeys = header.keys.length > 0 || (header.each?.keys.length ?? 0) > 0;
  const asking = withAsks(inputs + own.text, rightsOf(before + own.text), isGivenKeys);
  // Redis reads the flags of a script from its first line.
  return `${header.flags}-- rekey:${name}\n${PREFIX}${lists}${before}${asking}`;
};

/** Read and put together once, however many connections there are. */
const texts = new Map<string, string>();

/** The text of a command as Redis gets it. */
export const commandText = (name: CommandName): string => {
  const text = texts.get(name) ?? textOf(name);
  texts.set(name, text);
  return text;
};

/**
 * The commands, and the keys without their prefix, that all commands of the ledger need together. It writes
 * out every command: a process that starts reads the result in rights.generated.ts.
 */
export const rightsOfAllCommands = (): { commands: string[]; keys: string[] } => {
  const all = commandNames.map((name) => rightsOf(commandText(name)));
  return {
    commands: [...new Set(all.flatMap(({ commands }) => commands))].toSorted(),
    keys: [...new Set(all.flatMap(({ keys, readKeys }) => [...keys, ...readKeys]))].toSorted(),
  };
};
