#!/usr/bin/env -S node --conditions=@rekey/source
import '@rekey/runtime/check-node';
import { trimEnvironment } from './environment.ts';
import { toCliError } from './failure.ts';
import { endWithNpx } from './npx.ts';
import { rekeyProgram } from './program.ts';
import { failureText } from './output/format.ts';
import { guardOutput } from './output/standard-output.ts';
import { takeRunningStart } from './running-start.ts';

// Other users see the arguments of a process, and --redis takes a URL with a password.
if (process.argv.some((word) => /:\/\/[^/]*@/.test(word))) process.title = 'rekey';

// Node warns of a TLS connection to an address without a name, which is no fault of the user.
process.noDeprecation = true;

// Before the commands are created: defaults of options come from the environment.
trimEnvironment(process.env);
await takeRunningStart(process.env);

const program = rekeyProgram();

guardOutput();
endWithNpx();

try {
  await program.parseAsync();
} catch (error) {
  const failure = toCliError(error);
  process.stderr.write(failureText(failure, process.argv.slice(2)));
  process.exitCode = failure.exitCode;
}

// Exit explicitly: a library can still wait for a connection, such as one through a proxy that never answers.
await new Promise((resolve) => process.stdout.write('', resolve));
process.exit();
