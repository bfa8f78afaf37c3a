import type { rekeyProgram } from '../../../apps/cli/src/program.ts';

const WIDTH = 110;

const quoted = (text: string): string => (text.includes("'") ? JSON.stringify(text) : `'${text}'`);

/** A property as the formatter writes it: a text that is too long is on a line of its own. */
const property = (name: string, text: string): string => {
  const line = `    ${name}: ${quoted(text)},`;
  return line.length > WIDTH ? `    ${name}:\n      ${quoted(text)},` : line;
};

/** The module from which `rekey --help` lists the commands without loading them. */
export const summariesModule = (program: Awaited<ReturnType<typeof rekeyProgram>>): string => {
  const help = program.createHelp();
  const { subcommandTerm } = Object.getPrototypeOf(help) as typeof help;
  const rows = program.commands.map((command) =>
    [
      `  ${/^\w+$/.test(command.name()) ? command.name() : quoted(command.name())}: {`,
      property('term', subcommandTerm.call(help, command)),
      property('description', command.description()),
      '  },',
    ].join('\n'),
  );
  return `/** What \`rekey --help\` lists. Written by npm run generate. */
export const summaries: Record<string, { term: string; description: string }> = {
${rows.join('\n')}
};
`;
};
