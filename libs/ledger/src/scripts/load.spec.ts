import { describe, expect, it } from '@jest/globals';
import { expand } from './expand.ts';
import { ACTOR_ARGS, parseHeader, type Header } from './header.ts';
import { commandNames, headerOf, includeOf } from './load.ts';

const withoutComments = (code: string): string => code.replaceAll(/^ *--.*\n/gm, '');
/** What a piece of code defines at its top level. */
const definedBy = (code: string): string[] =>
  [...code.matchAll(/^local (?:function )?(\w+(?:, \w+)*)/gm)].flatMap(([, names]) => names!.split(', '));
const uses = (code: string, names: string[]): boolean =>
  names.some((name) => new RegExp(`\\b${name}\\b`).test(code));
const includePaths = (header: Header): string[] => [
  ...header.includes,
  ...(header.late === undefined ? [] : [header.late]),
];
/** The functions of all files that commands include, each with its file. */
const functions = new Map<string, string>();
const allIncludes = (paths: string[]): string[] => [
  ...new Set(paths.flatMap((path) => [path, ...allIncludes(includeOf(path).includes)])),
];
for (const path of allIncludes(commandNames.flatMap((name) => includePaths(headerOf(name)))))
  for (const name of definedBy(includeOf(path).body)) functions.set(name, path);
/** The files whose functions a piece of code calls, and that it does not include. */
const missingIn = (code: string, included: string[]): string[] => {
  const own = [...code.matchAll(/(?:local(?: function)? |function\()([\w, ]+)/g)].flatMap(([, names]) =>
    names!.split(', '),
  );
  const called = [...code.matchAll(/(?<![.\w'])([a-z]\w*)\(/g)].map(([, name]) => name!);
  return called
    .filter((name) => !own.includes(name))
    .flatMap((name) => {
      const path = functions.get(name);
      return path === undefined || included.includes(path) ? [] : [`${name} of ${path}`];
    });
};

/** Code with its reads of fields written out, as the loader does. */
const codeOf = (header: Header): string =>
  withoutComments(expand(header.body, { ...header, each: undefined, replies: new Map() }));

describe('the headers of Lua commands', () => {
  it.each(commandNames)('%s uses all that it declares, and declares all that it uses', (name) => {
    const header = headerOf(name);
    const code = codeOf(header);
    const args = [...header.args, ...(header.each?.args ?? [])].map((arg) =>
      ACTOR_ARGS.includes(arg) ? 'actor' : arg.name,
    );
    const included = allIncludes(includePaths(header));
    const everything = code + included.map((path) => codeOf(includeOf(path))).join('');
    expect(args.filter((arg) => !uses(everything, [arg]))).toEqual([]);
    expect(includePaths(header).filter((path) => !uses(code, definedBy(includeOf(path).body)))).toEqual([]);
    expect(missingIn(code, included)).toEqual([]);
    expect(code).not.toMatch(/\b(?:KEYS|ARGV)\b/);
    const names = included.flatMap((path) => definedBy(includeOf(path).body));
    const inputs = [...header.keys, ...header.args].map((field) => field.name.replace('?', ''));
    expect(inputs.filter((input) => names.includes(input))).toEqual([]);
    const own = definedBy(code);
    expect(own.filter((local) => names.includes(local))).toEqual([]);
  });

  it('is true of the files that they include', () => {
    const paths = allIncludes(commandNames.flatMap((name) => includePaths(headerOf(name))));
    for (const path of paths) {
      const header = includeOf(path);
      const code = codeOf(header);
      const unused = header.includes.filter((other) => !uses(code, definedBy(includeOf(other).body)));
      const missing = missingIn(code, [path, ...allIncludes(header.includes)]);
      expect([path, ...unused, ...missing]).toEqual([path]);
      expect(code).not.toMatch(/\b(?:KEYS|ARGV)\b/);
    }
  });

  it.each([
    ['an unknown type', '-- @arg id string\n'],
    ['no type', '-- @arg id\n'],
    ['a name that is none', '-- @key The-key\n'],
    ['a reply with a field without a type', '-- @reply DONE id\n'],
  ])('are refused with %s', (_what, header) => {
    expect(() => parseHeader('command', header)).toThrow('command.lua');
  });

  const header = parseHeader('command', '-- @reply DONE id text, until_ms number?, is_new flag\n');
  const group = parseHeader(
    'command',
    '-- @key all\n-- @arg org text\n-- @each one\n-- @key key\n-- @arg id text\n-- @arg ms number\n\n' +
      "local r = record(one.key, 'a', 'b')\nreturn one.ms + r.b",
  );

  it('write out the elements of a group, and the fields of a record', () => {
    const key = 'keys_[1 * one + 1]';
    expect(expand(group.body, group).trim()).toBe(
      `local r = read('HMGET', ${key}, 'a', 'b')\nreturn tonumber(args_[2 * one + 2]) + r[2]`,
    );
    expect(() => expand('one.none', group)).toThrow('is not in the header');
    expect(() => expand('r.none', group)).toThrow('is not a field of the record');
  });

  it.each([
    ['reply.DONE { id = f(a, b), is_new = x or y }', `{ 'DONE', f(a, b), '', (x or y) and '1' or '' }`],
    ['reply.DONE { id = id, until_ms = until_ms }', `{ 'DONE', id, until_ms or '', '' }`],
    ['local a, b = fields(key)', `local a, b = unpack(read('HMGET', key, 'a', 'b'))`],
    [
      `local a, b = fields(key_of(id), { b = 'c:' .. id })`,
      `local a, b = unpack(read('HMGET', key_of(id), 'a', 'c:' .. id))`,
    ],
    ['local e, a = try_fields(key)', `local e, a = reply_of(redis.pcall('HMGET', key, 'a'))`],
    [`local r = record(key, 'a', 'b')`, `local r = read('HMGET', key, 'a', 'b')`],
  ])('write out %s', (code, expanded) => {
    expect(expand(code, header)).toBe(expanded);
  });

  it.each(['reply.NONE', 'reply.DONE { name = 1, id = id }', 'reply.DONE { is_new = true }'])(
    'refuse a reply that they do not declare: %s',
    (code) => {
      expect(() => expand(code, header)).toThrow(/is not in the header|has no field|is missing/);
    },
  );
});
