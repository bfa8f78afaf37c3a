import { Argument, Command } from 'commander';
import { completionScript, completionShells, type CompletionShell } from '../completion-script.ts';

export const completionCommand = (program: Command): Command =>
  new Command('completion')
    .description('print a script that lets a shell complete commands and options: source <(rekey completion bash)')
    .addArgument(new Argument('<shell>', 'which shell').choices(completionShells))
    .action((shell: CompletionShell) => {
      process.stdout.write(completionScript(program, shell));
    });
