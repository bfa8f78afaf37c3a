import { ACTOR_ARGS, isRest, type Field, type Header, type Inputs } from './header.ts';

/** An argument in Lua, as its type has it. */
const luaValue = ({ type }: Field, at: string): string => {
  if (type.startsWith('number')) return `tonumber(${at})`;
  return type === 'flag' ? `${at} == '1'` : at;
};

const localsOf = (names: string[], values: string[]): string =>
  names.length === 0 ? '' : `local ${names.join(', ')} = ${values.join(', ')}\n`;

const nameOf = ({ name }: Field): string => name.replace('?', '');

/** Fields and values of a record of activity: see lua/record.lua in `activity`. */
const actorFields = ACTOR_ARGS.map(({ name }) => `'${name.slice('actor_'.length)}', ${name}`);
const ACTOR_LOCAL = `local actor = { ${actorFields.join(', ')} }\n`;

/** Named locals for the keys and arguments of a command. ARGV[1] is the prefix: see load.ts. */
export const inputLocals = ({ keys, args, each }: Header): string => {
  const plain = args.filter(({ type }) => !isRest(type));
  const rest = args.find(({ type }) => isRest(type));
  const from = plain.length + 2;
  return [
    localsOf(
      keys.map(nameOf),
      keys.map((_, i) => `KEYS[${i + 1}]`),
    ),
    localsOf(
      plain.map(nameOf),
      plain.map((arg, i) => luaValue(arg, `ARGV[${i + 2}]`)),
    ),
    rest
      ? `local ${rest.name} = {}\nfor i = ${from}, #ARGV do ${rest.name}[i - ${from - 1}] = ARGV[i] end\n`
      : '',
    each ? groupLocals(each.name, each, keys.length, plain.length + 1) : '',
    plain.includes(ACTOR_ARGS[0]!) ? ACTOR_LOCAL : '',
  ].join('');
};

/** The number of a group's elements, as the local `NAME_count`. */
const groupLocals = (
  name: string,
  { keys, args }: Inputs,
  keysBefore: number,
  argsBefore: number,
): string => {
  const [list, before, each] =
    keys.length > 0 ? ['KEYS', keysBefore, keys.length] : ['ARGV', argsBefore, args.length];
  return `local ${name}_count = (#${list} - ${before}) / ${each}\n`;
};

/**
 * `NAME.FIELD`, of an `@each NAME`: a key or argument of one element, of which the local NAME holds the
 * number. Each field is read in place: a table of all fields would be made anew for each element.
 */
const expandGroups = (code: string, { name, each, keys, args }: Header): string => {
  if (!each) return code;
  const plain = args.filter(({ type }) => !isRest(type)).length + 1;
  const at = (list: string, before: number, count: number, index: number): string =>
    `${list}[${count} * ${each.name} + ${before - count + index + 1}]`.replace('+ -', '- ');
  return code.replaceAll(new RegExp(`(?<![\\w.])${each.name}\\.(\\w+)`, 'g'), (all, field: string) => {
    const key = each.keys.findIndex((one) => nameOf(one) === field);
    if (key >= 0) return at('keys_', keys.length, each.keys.length, key);
    const arg = each.args.findIndex((one) => nameOf(one) === field);
    if (arg < 0) throw new Error(`${name}.lua: ${all} is not in the header`);
    const value = luaValue(each.args[arg]!, at('args_', plain, each.args.length, arg));
    return value.includes('==') ? `(${value})` : value;
  });
};

/** Where a bracket closes, and the commas directly within it. */
const scanBracket = (code: string, start: number): { end: number; commas: number[] } => {
  const commas: number[] = [];
  let depth = 0;
  for (let at = start; at < code.length; at += 1) {
    const char = code[at]!;
    if (char === "'") at = code.indexOf("'", at + 1);
    else if ('({['.includes(char)) depth += 1;
    else if (char === ',' && depth === 1) commas.push(at);
    else if (')}]'.includes(char) && (depth -= 1) === 0) return { end: at, commas };
  }
  throw new Error(`a bracket does not close: ${code.slice(start, start + 80)}`);
};

/** The parts of a bracket, in one line each. */
const partsOf = (code: string, start: number): { parts: string[]; end: number } => {
  const { end, commas } = scanBracket(code, start);
  const parts = [start, ...commas].map((from, i) => code.slice(from + 1, commas[i] ?? end));
  return { parts: parts.map((part) => part.replaceAll(/\s+/g, ' ').trim()).filter(Boolean), end };
};

/** The fields of `{ name = value, … }`. */
const valuesOf = (code: string, start: number): { values: Map<string, string>; end: number } => {
  const { parts, end } = partsOf(code, start);
  const values = parts.map((part): [string, string] => {
    const [, name = '', value = ''] = /^(\w+) ?= ?([^=].*)$/.exec(part) ?? [];
    if (name === '') throw new Error(`a field has no name: ${part}`);
    return [name, value];
  });
  return { values: new Map(values), end };
};

/** Replaces each match, with the bracket that it ends with, by what `write` makes of both. */
const replaceCalls = (
  code: string,
  call: RegExp,
  write: (match: RegExpExecArray, bracket: number, rest: string) => { text: string; end: number },
): string => {
  let rest = code;
  let done = '';
  for (let found = call.exec(rest); found; found = call.exec(rest)) {
    const { text, end } = write(found, found.index + found[0].length - 1, rest);
    done += rest.slice(0, found.index) + text;
    rest = rest.slice(end + 1);
  }
  return done + rest;
};

/**
 * Reading the fields of a hash, each named once:
 * - `local a, b = fields(KEY)` reads `a` and `b`. A second argument, `{ b = 'other' }`, names the field of a
 *   local that is called otherwise.
 * - `local failure, a, b = try_fields(KEY)`: the same for a key that another client may have damaged.
 * - `local r = record(KEY, 'a', 'b')` reads them for several functions: in all code of the command, `r.a` and
 *   `r.b` are these fields of `r`.
 */
const FIELDS = /local ([\w, \n]+?) =\s+(fields|try_fields)\(/;
const RECORD = /local (\w+) = record\(/;
const expandFields = (code: string): string =>
  replaceCalls(code, FIELDS, ([, locals, how], bracket, rest) => {
    const { parts, end } = partsOf(rest, bracket);
    const others = parts[1] === undefined ? new Map<string, string>() : valuesOf(parts[1], 0).values;
    const names = locals!.split(/[,\s]+/);
    const wanted = names.slice(how === 'fields' ? 0 : 1).map((name) => others.get(name) ?? `'${name}'`);
    const call = how === 'fields' ? `unpack(read('HMGET', ` : `reply_of(redis.pcall('HMGET', `;
    return { text: `local ${names.join(', ')} = ${call}${parts[0]}, ${wanted.join(', ')}))`, end };
  });
const expandRecords = (code: string, { name, body }: Header): string => {
  const names = recordOf(body);
  const read = replaceCalls(code, RECORD, ([, local], bracket, rest) => {
    const { parts, end } = partsOf(rest, bracket);
    return { text: `local ${local} = read('HMGET', ${parts.join(', ')})`, end };
  });
  return names.size === 0
    ? read
    : read.replaceAll(
        new RegExp(`\\b(${[...names.keys()].join('|')})\\.(\\w+)`, 'g'),
        (all, local: string, field: string) => {
          const index = names.get(local)!.indexOf(`'${field}'`);
          if (index < 0) throw new Error(`${name}.lua: ${all} is not a field of the record`);
          return `${local}[${index + 1}]`;
        },
      );
};
/** The records of a command, each with its fields in order. */
const recordOf = (body: string): Map<string, string[]> => {
  const names = new Map<string, string[]>();
  replaceCalls(body, RECORD, ([all, local], bracket, rest) => {
    const { parts, end } = partsOf(rest, bracket);
    names.set(local!, parts.slice(1));
    return { text: all!, end };
  });
  return names;
};

const luaReply = ({ name, type }: Field, value: string | undefined): string => {
  if (value === undefined) {
    if (type === 'flag' || type.endsWith('?')) return "''";
    throw new Error(`the field ${name} is missing`);
  }
  if (type === 'flag') return `${/ or /.test(value) ? `(${value})` : value} and '1' or ''`;
  if (isRest(type)) return `unpack(${value})`;
  return type.endsWith('?') ? `${value} or ''` : value;
};

/** `reply.WORD { name = value, … }` becomes a list of the word and its fields, in the order of the header. */
const expandReplies = (code: string, { name, replies }: Header): string => {
  if (replies.size === 0) return code;
  const sets = new RegExp(`(?<![\\w.])(${[...replies.keys()].join('|')})\\.(\\w+)(?: \\{)?`);
  return replaceCalls(code, sets, ([all, set, word], last, rest) => {
    const reply = replies.get(set!)!.find((one) => one.word === word);
    if (!reply) throw new Error(`${name}.lua: ${all} is not in the header`);
    const { values, end } = all.endsWith('{')
      ? valuesOf(rest, last)
      : { values: new Map<string, string>(), end: last };
    const unknown = [...values.keys()].filter((key) => !reply.fields.some((field) => field.name === key));
    if (unknown.length > 0) throw new Error(`${name}.lua: ${all} has no field ${unknown.join(', ')}`);
    const list = reply.fields.map((field) => luaReply(field, values.get(field.name)));
    return { text: `{ ${[`'${word}'`, ...list].join(', ')} }`, end };
  });
};

/** Code as Redis gets it: without comments, and with what the header names written out. */
export const expand = (code: string, header: Header): string =>
  [expandFields, expandRecords, expandGroups, expandReplies].reduce(
    (text, step) => step(text, header),
    code.replaceAll(/^ *--(?! @ask ).*\n/gm, ''),
  );
