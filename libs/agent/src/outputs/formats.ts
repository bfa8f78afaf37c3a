import { Liquid, type Template } from 'liquidjs';
import { readTextFile, TextFileError } from '@rekey/schema';
import type { Keys } from '@rekey/subscriber';
import { AgentError } from '../agent-error.ts';
import type { FileOutput } from '../config/agent-config.ts';
import { variableOf } from './names.ts';
import { selected, type Known } from './selection.ts';

/** The content of a file, in parts. */
type Render = (keys: Keys) => AsyncIterable<string>;

/** An assistant as files show it. One without a key has an empty one, or none is shown: `on_removed`. */
interface Shown {
  assistant_id: string;
  org_id: string;
  version: number;
  state: Known['state'];
  uncertain: boolean;
  secret_key: string;
}

const shownOf = (known: Known): Shown => ({
  assistant_id: known.assistantId,
  org_id: known.orgId,
  version: known.version,
  state: known.state,
  uncertain: known.uncertain,
  secret_key: known.state === 'held' ? known.secretKey : '',
});

async function* shownPages(keys: Keys, file: FileOutput): AsyncGenerator<Shown[]> {
  for await (const page of selected(keys, file))
    yield page.filter(({ state }) => state === 'held' || file.on_removed === 'empty').map(shownOf);
}

/** How a file is made. Throws an AgentError if its template is wrong. */
export const renderOf = (file: FileOutput): Render => {
  if (file.format === 'json') return (keys) => json(keys, file);
  if (file.format === 'dotenv') return (keys) => dotenv(keys, file);
  const parsed = parseTemplate(file.template!);
  return (keys) => template(keys, file, parsed);
};

async function* json(keys: Keys, file: FileOutput): AsyncGenerator<string> {
  yield '{"assistants":{';
  let separator = '\n';
  for await (const page of shownPages(keys, file)) {
    let text = '';
    for (const shown of page) {
      text += `${separator}${memberOf(shown)}`;
      separator = ',\n';
    }
    yield text;
  }
  yield '\n}}\n';
}

/** What `JSON.stringify` makes of it, in less time: a file of 100,000 keys is written as a whole. */
const memberOf = ({ assistant_id: id, org_id: org, version, state, uncertain, secret_key: key }: Shown) =>
  `${JSON.stringify(id)}:{"org_id":${JSON.stringify(org)},"version":${version},"state":"${state}",` +
  `"uncertain":${uncertain},"secret_key":${JSON.stringify(key)}}`;

async function* dotenv(keys: Keys, file: FileOutput): AsyncGenerator<string> {
  const nameById = new Map(Object.entries(file.names).map(([name, id]) => [id, name]));
  for await (const page of shownPages(keys, file))
    yield page
      .map(
        ({ assistant_id: id, secret_key: key }) =>
          `${nameById.get(id) ?? variableOf(id)}=${quoted(id, key)}\n`,
      )
      .join('');
}

/** A value that shells, systemd and the usual readers of such files read alike. */
const quoted = (assistantId: string, key: string): string => {
  if (/^[A-Za-z0-9_@%+=:,./-]*$/.test(key)) return key;
  if (!/['\p{Cc}\\]/u.test(key)) return `'${key}'`;
  throw new AgentError(
    'NOT_REPRESENTABLE',
    `the key of ${JSON.stringify(assistantId)} has a quote, a backslash or a control character, ` +
      'which readers of dotenv files read differently: use format: json',
  );
};

/** No file is included, no code runs, and what a template may cost is bounded. */
const engine = new Liquid({
  templates: {},
  ownPropertyOnly: true,
  strictFilters: true,
  strictVariables: true,
  // So that `if by_id.ast_1` asks whether an assistant has a key.
  lenientIf: true,
  cache: false,
  parseLimit: 1_000_000,
  renderLimit: 10_000,
  memoryLimit: 1_000_000_000,
});

/** Throws an AgentError that says where a template is wrong. */
export const parseTemplate = (path: string): Template[] => {
  try {
    return engine.parse(readTextFile(path));
  } catch (error) {
    if (error instanceof TextFileError)
      throw new AgentError('BAD_TEMPLATE', `the template ${JSON.stringify(path)} ${error.message}`);
    throw badTemplate(path, error);
  }
};

async function* template(keys: Keys, file: FileOutput, parsed: Template[]): AsyncGenerator<string> {
  const assistants: Shown[] = [];
  for await (const page of shownPages(keys, file)) assistants.push(...page);
  const byId = Object.fromEntries(assistants.map((shown) => [shown.assistant_id, shown]));
  try {
    yield (await engine.render(parsed, { assistants, by_id: byId })) as string;
  } catch (error) {
    throw badTemplate(file.template!, error);
  }
}

/** The first line of the error says what, and its position where. The rest quotes the template. */
const badTemplate = (path: string, error: unknown): AgentError => {
  const [line = 'it cannot be rendered'] = String((error as Error).message).split('\n', 1);
  return new AgentError(
    'BAD_TEMPLATE',
    `the template ${JSON.stringify(path)} is wrong: ${line.slice(0, 300)}`,
  );
};
