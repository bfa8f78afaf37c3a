#!/usr/bin/env -S node --conditions=@rekey/source
import { Command } from 'commander';
import { eventsCommand } from './commands/events.ts';
import { healthCommand } from './commands/health.ts';
import { keyFileCommand } from './commands/key-file.ts';
import { cancelCommand, getCommand, listCommand, rotateCommand } from './commands/rotations.ts';
import { CliError, exitCodes } from './failure.ts';

const program = new Command('rekey')
  .description('Rotates the secret keys of Invent assistants.')
  .addCommand(rotateCommand())
  .addCommand(getCommand())
  .addCommand(listCommand())
  .addCommand(cancelCommand())
  .addCommand(eventsCommand())
  .addCommand(healthCommand())
  .addCommand(keyFileCommand())
  .addHelpText(
    'after',
    `
Examples:
  rekey rotate org_demo ast_1 --wait        replace a key, and wait until it is in force
  rekey list --state failed                 what did not work, and why
  rekey events --json                       follow the stream of new key versions

Exit codes: 0 done; 1 wrong request, or the rotation failed; 2 the gateway or Redis is away; 3 not ended in time.`,
  );

// A reader that has seen enough (head, less) is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

try {
  await program.parseAsync();
} catch (error) {
  const json = process.argv.includes('--json');
  const { message } = error as Error;
  const reason = error instanceof CliError ? error.reason : 'INTERNAL';
  process.stderr.write(json ? `${JSON.stringify({ error: { reason, message } })}\n` : `error: ${message} (${reason})\n`);
  process.exitCode = error instanceof CliError ? error.exitCode : exitCodes.failed;
}
