import tab from '@bomb.sh/tab/commander';
import type { Command } from 'commander';

/** `<path>` as the value of an option, or an argument, is completed by the shell itself. */
const isPath = (usage: string): boolean => /[<[]path[>\]]/.test(usage);

const commandOf = (program: Command, words: string[]): Command => {
  const next = program.commands.find((command) => command.name() === words[0]);
  return next ? commandOf(next, words.slice(1)) : program;
};

const wantsPath = (program: Command, words: string[]): boolean => {
  const command = commandOf(program, words);
  const [before, current] = [words.at(-2) ?? '', words.at(-1) ?? ''];
  if (command.options.some(({ long, flags }) => isPath(flags) && (before === long || current.startsWith(`${long}=`)))) return true;
  return !current.startsWith('-') && !before.startsWith('-') && command.registeredArguments.some((argument) => isPath(`<${argument.name()}>`));
};

/** What a completion script takes for: let the shell complete names of files. */
const FILES = ':0';

/**
 * Adds `rekey completion SHELL`, whose script asks the hidden `rekey complete` at each Tab. The library never lets the shell complete names
 * of files, so that is answered here.
 */
export const addCompletion = (program: Command): void => {
  const completion = tab(program, { completionCommandName: 'completion' });
  program.commands
    .find((command) => command.name() === 'complete')!
    .action((words: string[]) => {
      if (wantsPath(program, words)) process.stdout.write(`${FILES}\n`);
      else completion.parse(words);
    });
};
