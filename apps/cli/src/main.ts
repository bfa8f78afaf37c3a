#!/usr/bin/env -S node --conditions=@rekey/source
import '@rekey/runtime/check-node';
import { trimEnvironment } from './environment.ts';
import { CliError, exitCodes } from './failure.ts';
import { endWithNpx } from './npx.ts';
import { rekeyProgram } from './program.ts';
import { guardOutput } from './output/standard-output.ts';
import { takeRunningStart } from './running-start.ts';

// Other users see the arguments of a process, and --redis takes a URL with a password.
if (process.argv.some((word) => /:\/\/[^/]*@/.test(word))) process.title = 'rekey';

// Before the commands are created: defaults of options come from the environment.
trimEnvironment(process.env);
await takeRunningStart(process.env);

const program = rekeyProgram();

guardOutput();
endWithNpx();

try {
  await program.parseAsync();
} catch (error) {
  const json = process.argv.includes('--json');
  const { message } = error as Error;
  const reason = error instanceof CliError ? error.reason : 'INTERNAL';
  process.stderr.write(
    json ? `${JSON.stringify({ error: { reason, message } })}\n` : `error: ${message} (${reason})\n`,
  );
  process.exitCode = error instanceof CliError ? error.exitCode : exitCodes.failed;
}

// Exit explicitly: a library can still wait for a connection, such as one through a proxy that never answers.
await new Promise((resolve) => process.stdout.write('', resolve));
process.exit();
