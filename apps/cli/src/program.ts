import { Command } from 'commander';
import { summaries } from './entry/summaries.generated.ts';
import { version } from './entry/version.ts';

/**
 * Each command, in the order of `rekey --help`, and how it is loaded: what a command imports costs nothing to
 * those that do not run it. After a change run `npm run generate`, which writes the list of `rekey --help`.
 */
const commands: Record<string, () => Promise<Command>> = {
  rotate: async () => (await import('./commands/rotations.ts')).rotateCommand(),
  get: async () => (await import('./commands/get.ts')).getCommand(),
  list: async () => (await import('./commands/rotations.ts')).listCommand(),
  cancel: async () => (await import('./commands/rotations.ts')).cancelCommand(),
  retry: async () => (await import('./commands/rotations.ts')).retryCommand(),
  assistants: async () => (await import('./assistants/assistants-command.ts')).assistantsCommand(),
  history: async () => (await import('./assistants/assistants-command.ts')).historyCommand(),
  orgs: async () => (await import('./assistants/assistants-command.ts')).orgsCommand(),
  bulk: async () => (await import('./commands/bulk.ts')).bulkCommand(),
  policy: async () => (await import('./commands/policy.ts')).policyCommand(),
  consumer: async () => (await import('./commands/consumer.ts')).consumerCommand(),
  sweep: async () => (await import('./commands/sweep.ts')).sweepCommand(),
  events: async () => (await import('./commands/events.ts')).eventsCommand(),
  agent: async () => (await import('./agent/agent-command.ts')).agentCommand(),
  activity: async () => (await import('./activity/activity-command.ts')).activityCommand(),
  status: async () => (await import('./commands/system.ts')).statusCommand(),
  freeze: async () => (await import('./commands/system.ts')).freezeCommand(),
  unfreeze: async () => (await import('./commands/system.ts')).unfreezeCommand(),
  budget: async () => (await import('./commands/system.ts')).budgetCommand(),
  ledger: async () => (await import('./commands/ledger.ts')).ledgerCommand(),
  registry: async () => (await import('./registry/registry-command.ts')).registryCommand(),
  token: async () => (await import('./access/token-command.ts')).tokenCommand(),
  auth: async () => (await import('./access/auth-command.ts')).authCommand(),
  access: async () => (await import('./access/access-command.ts')).accessCommand(),
  audit: async () => (await import('./audit/audit-command.ts')).auditCommand(),
  login: async () => (await import('./profiles/login-command.ts')).loginCommand(),
  profile: async () => (await import('./profiles/profile-command.ts')).profileCommand(),
  demo: async () => (await import('./demo/demo-command.ts')).demoCommand(),
  health: async () => (await import('./commands/health.ts')).healthCommand(),
  doctor: async () => (await import('./commands/doctor.ts')).doctorCommand(),
  'key-file': async () => (await import('./commands/key-file.ts')).keyFileCommand(),
  completion: async () => (await import('./commands/completion.ts')).completionCommand(() => rekeyProgram()),
};

/** The commands that these arguments name. Other words that are the name of a command do no harm. */
export const commandsIn = (args: readonly string[]): string[] =>
  args.filter((word) => Object.hasOwn(commands, word));

/** A command as `rekey --help` lists it, which is all that is shown of it. */
const listed = (name: string): Command => new Command(name).description(summaries[name]?.description ?? '');

/**
 * The command line with these commands, or with all; of the others it has only what `rekey --help` lists.
 * Call `trimEnvironment` first: defaults of options come from the environment. The reference page of the
 * commands is generated from this.
 */
export const rekeyProgram = async (wanted: readonly string[] = Object.keys(commands)): Promise<Command> => {
  const program = new Command('rekey')
    .version(version(), '-V, --version', 'show the version')
    .option('--no-color', 'no colors; each command takes it, and so does the variable NO_COLOR')
    .hook('preAction', async (root) => {
      (await import('./environment.ts')).refuseEnvironment(process.env);
      if (root.opts<{ color: boolean }>().color === false) (await import('./output/style.ts')).turnColorOff();
    })
    .description('Rotates the secret keys of Invent assistants.')
    .configureHelp({ subcommandTerm: (command) => summaries[command.name()]?.term ?? command.name() })
    .addHelpText(
      'after',
      `
Examples:
  rekey rotate org_demo ast_1 --wait        rotate a key, and wait until it is in force
  rekey list --state failed                 list failed rotations and why they failed
  rekey retry rot_01J… --wait               retry a failed rotation
  rekey assistants --older-than 90d         list assistants whose keys are old, or may be
  rekey history ast_1                       show the last key versions of an assistant
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
  for (const [name, load] of Object.entries(commands))
    program.addCommand(wanted.includes(name) ? await load() : listed(name));
  return program;
};
