import { Argument, Command } from 'commander';
import { completionScript, completionShells, type CompletionShell } from '../completion/completion-script.ts';

export const completionCommand = (program: Command): Command =>
  new Command('completion')
    .description('print a script that lets a shell complete the commands and options of rekey with Tab')
    .addArgument(new Argument('<shell>', 'which shell').choices(completionShells))
    .action((shell: CompletionShell) => {
      process.stdout.write(completionScript(program, shell));
    })
    .addHelpText(
      'after',
      `
For one shell, or at the end of its start-up file for all:
  bash   source <(rekey completion bash)
  zsh    autoload -Uz compinit && compinit; source <(rekey completion zsh)
         compinit has to have run, once
  fish   rekey completion fish | source

It completes the word rekey. Where there is only npx rekey, make that word first, in the folder of Rekey:
  rekey() { npx rekey "$@"; }; source <(rekey completion bash)
(in fish: function rekey; npx rekey $argv; end)`,
    );
