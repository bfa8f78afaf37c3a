import { Command } from 'commander';
import { bulkCommand } from './commands/bulk.ts';
import { completionCommand } from './commands/completion.ts';
import { consumerCommand } from './commands/consumer.ts';
import { doctorCommand } from './commands/doctor.ts';
import { eventsCommand } from './commands/events.ts';
import { getCommand } from './commands/get.ts';
import { healthCommand } from './commands/health.ts';
import { keyFileCommand } from './commands/key-file.ts';
import { ledgerCommand } from './commands/ledger.ts';
import { policyCommand } from './commands/policy.ts';
import { cancelCommand, listCommand, retryCommand, rotateCommand } from './commands/rotations.ts';
import { sweepCommand } from './commands/sweep.ts';
import { budgetCommand, freezeCommand, statusCommand, unfreezeCommand } from './commands/system.ts';
import { refuseEnvironment } from './environment.ts';

/**
 * The whole command line. Defaults of options come from the environment: have it trimmed before. The reference
 * page of the commands is written from it.
 */
export const rekeyProgram = (): Command => {
  const program = new Command('rekey')
    .hook('preAction', () => refuseEnvironment(process.env))
    .description('Rotates the secret keys of Invent assistants.')
    .addCommand(rotateCommand())
    .addCommand(getCommand())
    .addCommand(listCommand())
    .addCommand(cancelCommand())
    .addCommand(retryCommand())
    .addCommand(bulkCommand())
    .addCommand(policyCommand())
    .addCommand(consumerCommand())
    .addCommand(sweepCommand())
    .addCommand(eventsCommand())
    .addCommand(statusCommand())
    .addCommand(freezeCommand())
    .addCommand(unfreezeCommand())
    .addCommand(budgetCommand())
    .addCommand(ledgerCommand())
    .addCommand(healthCommand())
    .addCommand(doctorCommand())
    .addCommand(keyFileCommand())
    .addHelpText(
      'after',
      `
Examples:
  rekey rotate org_demo ast_1 --wait        replace a key, and wait until it is in force
  rekey list --state failed                 what did not work, and why
  rekey retry rot_01J… --wait               try it again
  rekey bulk create --org org_demo --all --watch
                                            replace the keys of all assistants, and follow it
  rekey policy create --org org_demo --every 90d
                                            replace each key every 90 days, a few each night
  rekey consumer status                     how far are the services that read keys?
  rekey events --json                       follow the stream of new key versions
  rekey sweep                               compare everything at Invent with what is published
  rekey freeze --reason 'Invent is ill'     stop all rotations; rekey unfreeze lets them go on
  rekey status                              what needs an operator, what is under way
  rekey doctor                              is everything within reach, and set up as it should be?
  rekey completion --help                   complete commands and options with Tab

Exit codes: 0 done; 1 wrong request, or what was asked for failed; 2 the gateway or Redis is away; 3 not ended: in time, or it stands still.`,
    );
  program.addCommand(completionCommand(program));
  return program;
};
