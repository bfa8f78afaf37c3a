/**
 * Writes from the headers of all Lua commands (their grammar is in header.ts): `names.generated.ts`, with the
 * folder of each command; `rights.generated.ts`, with the rights that all commands need; and in each
 * aggregate's folder `commands.generated.ts`, with a typed function for each of its commands. Run it with
 * `npm run generate`; the checks fail if what it writes is not committed.
 */
import { globSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import {
  ACTOR_ARGS,
  isRest,
  parseHeader,
  type Field,
  type Header,
  type Inputs,
  type Reply,
} from './header.ts';

const sources = new URL('../', import.meta.url);
const NOTICE = '/* Written by `npm run generate` from the headers of the Lua commands. Do not edit. */\n';

const camel = (name: string): string =>
  name.replace('?', '').replaceAll(/[-_](\w)/g, (_all, letter: string) => letter.toUpperCase());
const kindOf = (word: string): string => word.toLowerCase().replaceAll('_', '-');

const comment = (text: string): string => (text === '' ? '' : `/** ${text} */\n`);

/** The TypeScript type of a field, without what makes it optional. */
const typeOf = ({ type }: Field, setType: (set: string) => string): string => {
  const plain = type.replace('?', '');
  if (plain === 'key' || plain === 'text') return 'string';
  if (plain === 'number' || plain === 'digits') return 'number';
  if (plain === 'flag') return 'boolean';
  if (plain === 'hash') return 'Record<string, string>';
  if (plain === 'text...') return '(string | number)[]';
  if (plain === 'bytes...') return 'Buffer[]';
  if (isRest(plain)) return `${setType(plain.slice(0, -3))}[]`;
  return plain
    .split('|')
    .map((word) => `'${word}'`)
    .join(' | ');
};

const isOptional = ({ name, type }: Field): boolean => name.endsWith('?') || type.endsWith('?');

const isOfActor = (field: Field): boolean => ACTOR_ARGS.includes(field);

const inputType = ({ keys, args }: Inputs): string =>
  [...keys, ...args]
    .filter((field) => !isOfActor(field) || field === ACTOR_ARGS[0])
    .map((field) => {
      if (isOfActor(field)) return '/** Who acts. */\nactor: Actor;';
      const optional = isOptional(field);
      const type = typeOf(field, () => 'never');
      const [mark, absent] = optional ? ['?', ' | undefined'] : ['', ''];
      return `${comment(field.text)}${camel(field.name)}${mark}: ${type}${absent};`;
    })
    .join('\n');

/** An argument as it is sent. Redis has no null: an empty text means that it is absent. */
const sent = (field: Field, from: string): string => {
  const name = isOfActor(field) ? field.name.replace('_', '.') : camel(field.name);
  const value = `${from}.${name}`;
  if (isRest(field.type)) return `...${value}`;
  if (field.type === 'flag') return `${value} ? '1' : ''`;
  if (field.name.endsWith('?')) return `...(${value} === undefined ? [] : [${value}])`;
  return field.type.endsWith('?') ? `${value} ?? ''` : value;
};

const replyType = ({ word, fields }: Reply, setType: (set: string) => string): string => {
  const types = fields.map((field) => {
    const type = field.type === 'text...' ? 'string[]' : typeOf(field, setType);
    return `${camel(field.name)}: ${type}${isOptional(field) ? ' | undefined' : ''}`;
  });
  return `{ ${[`kind: '${kindOf(word)}'`, ...types].join('; ')} }`;
};

const received = ({ type }: Field, at: number, setName: (set: string) => string): string => {
  const value = `reply[${at}]`;
  const plain: Field = { name: '', text: '', type: type.slice(0, -1) };
  if (type.endsWith('?')) return `${value} === '' ? undefined : ${received(plain, at, setName)}`;
  if (type === 'text') return `String(${value})`;
  if (type === 'number') return `Number(${value})`;
  if (type === 'flag') return `${value} === '1'`;
  if (type === 'hash') return `flatHash(${value})`;
  if (type === 'text...') return `reply.slice(${at}).map(String)`;
  if (type === 'bytes...') return `reply.slice(${at}) as Buffer[]`;
  return `reply.slice(${at}).map((one) => ${setName(type.slice(0, -3))}(one as unknown[]))`;
};

/** Whether its replies are read as bytes: no text is made of what is only passed on. */
const areBytes = ({ replies }: Header): boolean =>
  [...replies.values()].flat().some(({ fields }) => fields.some(({ type }) => type === 'bytes...'));

/** The type of a set of replies, and the function that reads one of them. */
const replySet = (header: Header, set: string): string => {
  const replies = header.replies.get(set)!;
  const base = camel(`${header.name}-${set}`);
  const typeName = (name: string) => upper(camel(`${header.name}-${name}`));
  const readerName = (name: string) => `read${typeName(name)}`;
  const types = replies.map((reply) => `${comment(reply.text)}| ${replyType(reply, typeName)}`);
  const cases = replies.map(({ word, fields }) => {
    const values = fields.map((field, i) => `${camel(field.name)}: ${received(field, i + 1, readerName)}`);
    return `case '${word}': return { ${[`kind: '${kindOf(word)}'`, ...values].join(', ')} };`;
  });
  return `type ${upper(base)} =
${types.join('\n')};
const read${upper(base)} = (reply: unknown[]): ${upper(base)} => {
  switch (${areBytes(header) ? 'String(reply[0])' : 'reply[0]'}) {
    ${cases.join('\n')}
    default: throw unexpectedReply('${header.name}', reply);
  }
};
`;
};

const upper = (name: string): string => name[0]!.toUpperCase() + name.slice(1);

const commandOf = (header: Header): { types: string; method: string } => {
  const { name, about, keys, args, each } = header;
  const method = camel(name);
  const groups = each ? `${each.name}s` : '';
  const group = each ? `${comment(each.text)}${groups}: {\n${inputType(each)}\n}[];` : '';
  const listOf = (fields: Field[], ofEach: Field[]): string => {
    const parts = fields.map((field) => sent(field, 'input'));
    if (ofEach.length > 0)
      parts.push(
        `...input.${groups}.flatMap((one) => [${ofEach.map((field) => sent(field, 'one')).join(', ')}])`,
      );
    return parts.length === 1 && parts[0]!.startsWith('...') ? parts[0]!.slice(3) : `[${parts.join(', ')}]`;
  };
  const sets = [...header.replies.keys()].toReversed().map((set) => replySet(header, set));
  const sentKeys = listOf(keys, each?.keys ?? []);
  const sentArgs = listOf(args, each?.args ?? []);
  const as = areBytes(header) ? ", 'bytes'" : '';
  const lines = about.join('\n').trim().split('\n');
  return {
    types: `interface ${upper(method)}Input {\n${inputType(header)}\n${group}\n}\n${sets.join('')}`,
    method: `/**\n${lines.map((line) => ` * ${line}`).join('\n')}\n */
  ${method}: async (input: ${upper(method)}Input): Promise<${upper(method)}Reply> =>
    read${upper(method)}Reply(await run('${name}', ${sentKeys}, ${sentArgs}${as})),`,
  };
};

const aggregates = new Map<string, Header[]>();
for (const path of globSync('*/commands/*.lua', { cwd: sources.pathname }).toSorted()) {
  const aggregate = dirname(dirname(path));
  const header = parseHeader(basename(path, '.lua'), readFileSync(new URL(path, sources), 'utf8'));
  aggregates.set(aggregate, [...(aggregates.get(aggregate) ?? []), header]);
}

const folders = [...aggregates].flatMap(([aggregate, headers]) =>
  headers.map(({ name }) => [name, aggregate]),
);
writeFileSync(
  new URL('scripts/names.generated.ts', sources),
  `${NOTICE}
/** Each command of the ledger, and the folder that it lies in. */
export const commandFolders = ${JSON.stringify(Object.fromEntries(folders.toSorted()))} as const;

export type CommandName = keyof typeof commandFolders;
`,
);

// Reads the names that were just written.
const { rightsOfAllCommands } = await import('./load.ts');
writeFileSync(
  new URL('scripts/rights.generated.ts', sources),
  `${NOTICE}
/** What all commands of the ledger need together: see rights.ts. */
export const rightsOfCommands = ${JSON.stringify(rightsOfAllCommands())};
`,
);

for (const [aggregate, headers] of aggregates) {
  const commands = headers.map(commandOf);
  const code = commands.map(({ types }) => types).join('\n');
  const flat = code.includes('flatHash(') ? `import { flatHash } from '../hash-fields.ts';\n` : '';
  const actor = code.includes('actor: Actor') ? `import type { Actor } from '@rekey/schema';\n` : '';
  writeFileSync(
    new URL(`${aggregate}/commands.generated.ts`, sources),
    `${NOTICE}${actor}${flat}import { unexpectedReply, type RunCommand } from '../scripts/run.ts';

${code}
/**
 * The commands of ${aggregate}/commands, each with named arguments and a reply that tells its kinds apart.
 */
export const ${aggregate}Commands = (run: RunCommand) => ({
${commands.map(({ method }) => method).join('\n')}
});
`,
  );
}
