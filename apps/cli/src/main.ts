#!/usr/bin/env -S node --conditions=@rekey/source
import '@rekey/runtime/check-node';
import { endWithNpx } from './npx.ts';
import { commandsIn, rekeyProgram } from './program.ts';
import { asksForPrograms, failureText, reportUsageFor } from './output/format.ts';
import { guardOutput } from './output/standard-output.ts';

// Other users see the arguments of a process, and --redis takes a URL with a password.
if (process.argv.some((word) => /:\/\/[^/]*@/.test(word))) process.title = 'rekey';

// Node warns of a TLS connection to an address without a name, which is no fault of the user.
process.noDeprecation = true;

guardOutput();
endWithNpx();

// What no command is needed for, such as --help and --version, loads none.
const args = process.argv.slice(2);
const commands = commandsIn(args);

// Not awaited at the top level: in the packed command line, modules that are imported later import parts of
// the file of this module, and would wait for it while it waits for them.
const run = async (): Promise<void> => {
  try {
    if (commands.length > 0) {
      // Before the commands are created: defaults of options come from the environment.
      const { prepareEnvironment } = await import('./profiles/taken.ts');
      await prepareEnvironment(process.env, args);
    }
    const program = await rekeyProgram(commands);
    if (asksForPrograms(args)) reportUsageFor(program, args);
    await program.parseAsync();
  } catch (error) {
    const { toCliError } = await import('./failure.ts');
    const failure = toCliError(error);
    process.stderr.write(failureText(failure, args));
    process.exitCode = failure.exitCode;
  }

  // Explicitly: a library can still wait for a connection, such as one through a proxy that never answers.
  await new Promise((resolve) => process.stdout.write('', resolve));
  process.exit();
};

void run();
