import { Argument, Command } from 'commander';
import { valuesCommand } from '../completion/completion-values.ts';
import { completionScript, completionShells, type CompletionShell } from '../completion/completion-script.ts';

/** `program`: loads the whole command line. */
export const completionCommand = (program: () => Promise<Command>): Command =>
  new Command('completion')
    .description(
      'print a shell script that completes commands, options, ids and names with Tab; it asks the gateway ' +
        'for ids and names, for a second at most',
    )
    .addArgument(new Argument('<shell>', 'which shell').choices(completionShells))
    .helpCommand(false)
    .addCommand(valuesCommand(), { hidden: true })
    .action(async (shell: CompletionShell) => {
      process.stdout.write(completionScript(await program(), shell));
    })
    .addHelpText(
      'after',
      `
Run this in the current shell, or add it to the shell's start-up file:
  bash   source <(rekey completion bash)
  zsh    autoload -Uz compinit && compinit; source <(rekey completion zsh)
         (compinit must run once before the script)
  fish   rekey completion fish | source

Completion applies to the rekey command. If you run npx rekey, define the command first, in the folder of
Rekey:
  rekey() { npx rekey "$@"; }; source <(rekey completion bash)
  (in fish: function rekey; npx rekey $argv; end)`,
    );
