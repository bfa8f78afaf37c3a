import type { rekeyProgram } from '../../../apps/cli/src/program.ts';
import { code, page, paragraph, table } from './markdown.ts';

type Command = Awaited<ReturnType<typeof rekeyProgram>>;
type Option = Command['options'][number];
type Argument = Command['registeredArguments'][number];

const INTRODUCTION = `
# Command line

Generated from the definitions of the commands by \`npm run generate\`. \`rekey --help\` and
\`rekey COMMAND --help\` show the same.

Commands that only show something (\`get\` without \`--wait\`, \`list\`, \`status\`) end with 0 if they
could show it.
`;

const OUTPUT = `
## Output

| option | |
| --- | --- |
| \`--output table\` | for people: the default |
| \`--output json\`, \`--json\` | for programs: one JSON object per line, with the names of the contract |
| \`--output yaml\` | the same as YAML documents |
| \`--columns a,b\` | of a list: these columns, in this order; \`rekey COMMAND --help\` names them |
| \`--no-color\` | no colors, as with the variable \`NO_COLOR\`, or if the output is no terminal |

A table shows how long ago a time is; JSON and YAML have the exact time. A list that is empty says so on
standard error, and prints nothing else. Control characters in values from outside are escaped. A failed
command reports it on standard error, with \`--output json\` or \`yaml\` as
\`{"error":{"reason":…,"message":…}}\`. States are taken in capitals, as they are shown, and in small letters.
`;

const EXIT_CODES: [code: string, meaning: string][] = [
  ['0', 'done; for a bulk rotation, every assistant succeeded'],
  [
    '1',
    `the request is wrong, or it failed. Also if an earlier equal request has FAILED or was CANCELLED
    (\`rekey retry\`, a repeated \`--request-id\`)`,
  ],
  ['2', 'the gateway or Redis is unreachable'],
  ['3', 'not finished: the timeout passed, or a bulk rotation is stopped and needs an operator'],
];

const SETUP = `
In the folder of a running \`npm start\`, \`rekey\` needs no variables. Elsewhere it takes the gateway from
[a profile](../guides/cli.md#profiles), or \`GRPC_ADDRESS\`,
\`REDIS_URL\`, \`REKEY_PREFIX\` and \`REKEY_KEY_FILE\` from the [environment](environment.md).

## Connection to the gateway

Every command with \`--gateway\` takes these options. Without an option for TLS and without its variable, the
connection is plain text.

TLS_OPTIONS


## Completion

\`rekey completion bash\` prints a script that completes commands, options, ids and names with Tab; \`zsh\`
and \`fish\` are supported too. It asks the gateway for ids and names, for a second at most. Completion
applies to the \`rekey\` command. If you have only \`npx rekey\`, define
\`rekey\` first, in this folder; for bash:

\`\`\`sh
rekey() { npx rekey "$@"; }; source <(rekey completion bash)
\`\`\`

In zsh, use \`rekey completion zsh\` after \`compinit\` has run (\`autoload -Uz compinit && compinit\`).
`;

/** Options of nearly every command, explained once. */
const TLS = new Set([
  '--profile',
  '--tls',
  '--tls-ca',
  '--tls-cert',
  '--tls-key',
  '--tls-server-name',
  '--token-file',
]);
const CONNECTION = new Set(['--gateway', ...TLS]);
const COMMON = new Set(['--json', '--output', '--help']);

const ALSO =
  'Also `--gateway <address>` and the options for the [connection](#connection-to-the-gateway) and the ' +
  '[output](#output).';

const ALSO_OUTPUT = 'Also the options for the [output](#output).';

const argumentRow = (argument: Argument): string[] => [
  code(argument.required ? `<${argument.name()}>` : `[${argument.name()}]`),
  argument.description,
];

const choicesOf = ({ argChoices }: Option): string => (argChoices ? ` (${argChoices.join(', ')})` : '');
const defaultOf = ({ defaultValue, defaultValueDescription, description, negate }: Option): string =>
  negate || description.includes('(default') || defaultValue === undefined || defaultValue === ''
    ? ''
    : ` (default: ${defaultValueDescription ?? String(defaultValue)})`;
const optionRow = (option: Option): string[] => [
  code(option.flags) + (option.mandatory ? ', required' : ''),
  `${option.description}${choicesOf(option)}${defaultOf(option)}`,
];

/** What follows the help of a command: examples, its exit codes. */
const afterText = (command: Command): string => {
  let text = '';
  command.configureOutput({ writeOut: (more) => (text += more) });
  command.outputHelp();
  const help = command.helpInformation();
  return text.slice(help.length).replaceAll(/^\n+|\s+$/g, '');
};

const sectionOf = (command: Command, path: readonly string[]): string[] => {
  const help = command.createHelp();
  const names = [...path, command.name()];
  const subCommands = help.visibleCommands(command).filter((sub) => sub.name() !== 'help');
  // `rekey agent` has a `--gateway` of its own.
  const takesGateway = ['--gateway', '--tls'].every((name) =>
    command.options.some(({ long }) => long === name),
  );
  const options = help
    .visibleOptions(command)
    .filter(({ long }) => !COMMON.has(long ?? '') && !(takesGateway && CONNECTION.has(long ?? '')));
  const takesOutput = command.options.some(({ long }) => long === '--output');
  const { registeredArguments } = command;
  const after = afterText(command);
  const usage = [...names, command.usage()].join(' ');
  return [
    `## ${names.join(' ')}`,
    paragraph(`${capital(command.description())}.`),
    ...(subCommands.length > 0 ? [] : [`\`\`\`\n${usage}\n\`\`\``]),
    ...(registeredArguments.some(({ description }) => description)
      ? [table(['argument', ''], registeredArguments.map(argumentRow))]
      : []),
    ...(options.length > 0 ? [table(['option', ''], options.map(optionRow))] : []),
    ...(takesGateway ? [paragraph(ALSO)] : takesOutput ? [ALSO_OUTPUT] : []),
    ...(after === '' ? [] : [`\`\`\`\n${after}\n\`\`\``]),
    ...subCommands.flatMap((sub) => sectionOf(sub, names)),
  ];
};

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

/** From any of the commands that take them. */
const tlsOptions = (commands: readonly Command[]): string => {
  const { options } = commands.find((command) => command.options.some(({ long }) => long === '--tls'))!;
  return table(['option', ''], options.filter(({ long }) => TLS.has(long ?? '')).map(optionRow));
};

export const cliPage = (program: Command): string => {
  const after = afterText(program);
  const commands = program
    .createHelp()
    .visibleCommands(program)
    .filter((one) => one.name() !== 'help');
  return page(
    INTRODUCTION,
    table(['exit code', 'meaning'], EXIT_CODES),
    OUTPUT,
    SETUP.replace('TLS_OPTIONS', () => tlsOptions(commands).trimEnd()),
    '## Examples',
    `\`\`\`\n${after.slice(after.indexOf('\n') + 1, after.indexOf('\n\nExit codes'))}\n\`\`\``,
    ...commands.flatMap((command) => sectionOf(command, ['rekey'])),
  );
};
