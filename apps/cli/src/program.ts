import { Command } from 'commander';
import { auditCommand } from './audit/audit-command.ts';
import { agentCommand } from './agent/agent-command.ts';
import { accessCommand } from './access/access-command.ts';
import { authCommand } from './access/auth-command.ts';
import { tokenCommand } from './access/token-command.ts';
import { activityCommand } from './activity/activity-command.ts';
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
import { registryCommand } from './registry/registry-command.ts';
import { cancelCommand, listCommand, retryCommand, rotateCommand } from './commands/rotations.ts';
import { sweepCommand } from './commands/sweep.ts';
import { budgetCommand, freezeCommand, statusCommand, unfreezeCommand } from './commands/system.ts';
import { refuseEnvironment } from './environment.ts';

/**
 * The whole command line. Call `trimEnvironment` first: defaults of options come from the environment. The
 * reference page of the commands is generated from this.
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
    .addCommand(agentCommand())
    .addCommand(activityCommand())
    .addCommand(statusCommand())
    .addCommand(freezeCommand())
    .addCommand(unfreezeCommand())
    .addCommand(budgetCommand())
    .addCommand(ledgerCommand())
    .addCommand(registryCommand())
    .addCommand(tokenCommand())
    .addCommand(authCommand())
    .addCommand(accessCommand())
    .addCommand(auditCommand())
    .addCommand(healthCommand())
    .addCommand(doctorCommand())
    .addCommand(keyFileCommand())
    .addHelpText(
      'after',
      `
Examples:
  rekey rotate org_demo ast_1 --wait        rotate a key, and wait until it is in force
  rekey list --state failed                 list failed rotations and why they failed
  rekey retry rot_01J… --wait               retry a failed rotation
  rekey bulk create --org org_demo --all --watch
                                            rotate the keys of all assistants, and follow the progress
  rekey policy create --org org_demo --every 90d
                                            rotate each key every 90 days, a few each night
  rekey consumer status                     show the progress of the services that read keys
  rekey events --json                       follow the stream of new key versions
  rekey activity                            show who did what, and which calls were denied
  rekey sweep                               compare all assistants at Invent with the published versions
  rekey freeze --reason 'Invent incident'   stop all rotations; rekey unfreeze resumes them
  rekey status                              show what needs operator action, and what is in progress
  rekey doctor                              check connections and configuration
  rekey completion --help                   complete commands and options with Tab

Exit codes: 0 success; 1 invalid request, or the requested operation failed;
2 the gateway or Redis is unavailable; 3 not ended: still in progress after --timeout, paused or halted.`,
    );
  program.addCommand(completionCommand(program));
  return program;
};
