/**
 * The header of a Lua command: the comment at the top of `<aggregate>/commands/<name>.lua`. It is the only
 * place that names the keys, arguments and replies of a command; the loader and the generator read it.
 *
 * ```
 * #!lua flags=allow-oom              optional, the first line: runs also while Redis is out of memory
 * -- What the command does, in sentences.
 * --
 * -- @key NAME: text                 a key; `NAME?` may be absent, after all others
 * -- @arg NAME TYPE: text            an argument
 * -- @actor                          who acts: the local `actor`, which `record_activity` takes
 * -- @each NAME: text                the keys and arguments below repeat, once for each NAME; the last
 * -- @reply WORD: text               a reply without fields
 * -- @reply WORD NAME TYPE, …: text  a reply with fields
 * -- @SET WORD …                     an element of a list of type `SET...`
 * -- @include AGGREGATE/FILE         code of `AGGREGATE/lua/FILE.lua` that the command uses
 * -- @late AGGREGATE/FILE            the same, made only when it is called (see load.ts)
 * ```
 *
 * A text continues on lines that are indented by three spaces. Types, and what they are in Lua and
 * TypeScript:
 *
 * | type | Lua | TypeScript |
 * | --- | --- | --- |
 * | `text`, `a\|b` | string | string, `'a' \| 'b'` |
 * | `number` | number | number |
 * | `digits` | string | number |
 * | `flag` | boolean | boolean |
 * | `hash` (reply) | field, value, … | `Record<string, string>` |
 * | `text...`, `SET...` (last) | list | list |
 * | `bytes...` (last, reply) | list of strings | `Buffer[]` |
 *
 * With `?` the value may be absent: '' in Lua (of a number: nil), undefined in TypeScript.
 *
 * In the code below the header, keys and arguments are locals of these names; of an `@each NAME`,
 * `NAME_count` is their number; for a local NAME that holds the number of one, `NAME.FIELD` is its key or
 * argument. expand.ts shows how the code names replies and fields.
 */
export interface Field {
  name: string;
  type: string;
  text: string;
}

export interface Reply {
  word: string;
  fields: Field[];
  text: string;
}

export interface Inputs {
  keys: Field[];
  args: Field[];
}

export interface Header extends Inputs {
  name: string;
  /** The line that Redis reads flags from, or ''. */
  flags: string;
  about: string[];
  each: (Inputs & { name: string; text: string }) | undefined;
  /** By the name of their set: `reply` holds those of the command itself. */
  replies: Map<string, Reply[]>;
  includes: string[];
  late: string | undefined;
  /** The code below the header. */
  body: string;
}

const NAME = /^[a-z][a-z0-9_]*\??$/;
const TYPE = /^(?:text|number|digits|flag|hash)\??$|^[a-z][a-z_-]*\.\.\.$|^[a-z-]+(?:\|[a-z-]+)+\??$/;

/** The arguments that `@actor` stands for: see lua/record.lua in `activity`. */
export const ACTOR_ARGS: readonly Field[] = [
  { name: 'actor_by', type: 'text', text: '' },
  { name: 'actor_also', type: 'text?', text: '' },
  { name: 'actor_request', type: 'text?', text: '' },
  { name: 'actor_trace', type: 'text?', text: '' },
];

/** The lines of a header, each directive in one line. */
const directivesOf = (lines: string[]): { about: string[]; directives: string[] } => {
  const [about, directives]: string[][] = [[], []];
  for (const line of lines) {
    const text = line.replace(/^-- ?/, '');
    if (text.startsWith('@')) directives!.push(text);
    else if (directives!.length > 0 && text.startsWith('  '))
      directives!.push(`${directives!.pop()!} ${text.trim()}`);
    else about!.push(text);
  }
  return { about: about!, directives: directives! };
};

const fieldOf = (name: string, type: string, text: string, where: string): Field => {
  if (!NAME.test(name) || (type !== 'key' && !TYPE.test(type))) throw new Error(`${where}: ${name} ${type}`);
  return { name, type, text };
};

export const parseHeader = (name: string, source: string): Header => {
  const [, flags = '', header = '', body = ''] = /^(#!lua[^\n]*\n)?((?:--[^\n]*\n)*)([^]*)$/.exec(source)!;
  const { about, directives } = directivesOf(header.split('\n').filter((line) => line !== ''));
  const parsed: Header = {
    name,
    flags,
    about,
    body,
    keys: [],
    args: [],
    each: undefined,
    replies: new Map(),
    includes: [],
    late: undefined,
  };
  for (const directive of directives) {
    if (directive === '@actor') {
      parsed.args.push(...ACTOR_ARGS);
      continue;
    }
    const where = `${name}.lua: @${directive.slice(1)}`;
    const [, kind = '', rest = '', text = ''] = /^@([a-z-]+) ([^:]+)(?:: (.*))?$/.exec(directive) ?? [];
    const inputs = parsed.each ?? parsed;
    const words = rest.trim().split(/ +/);
    if (kind === 'key') inputs.keys.push(fieldOf(words[0]!, 'key', text, where));
    else if (kind === 'arg') inputs.args.push(fieldOf(words[0]!, words[1] ?? '', text, where));
    else if (kind === 'each') parsed.each = { name: words[0]!, keys: [], args: [], text };
    else if (kind === 'include') parsed.includes.push(words[0]!);
    else if (kind === 'late') parsed.late = words[0]!;
    else if (kind === '') throw new Error(where);
    else parsed.replies.set(kind, [...(parsed.replies.get(kind) ?? []), replyOf(rest, text, where)]);
  }
  return parsed;
};

const replyOf = (rest: string, text: string, where: string): Reply => {
  const [word = '', fields = ''] = rest.trim().split(/ (.*)/);
  return {
    word,
    text,
    fields: fields
      .split(',')
      .filter((part) => part.trim() !== '')
      .map((part) => {
        const [name = '', type = ''] = part.trim().split(/ +/);
        return fieldOf(name, type, '', where);
      }),
  };
};

export const isRest = (type: string): boolean => type.endsWith('...');
