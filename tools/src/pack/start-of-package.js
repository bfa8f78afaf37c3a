// What runs first in the packed command line, in place of libs/runtime/check-node.js: it needs an older Node,
// and its compiled code is kept elsewhere. Plain JavaScript, for an old Node gets this far too.
import { accessSync, constants, statSync } from 'node:fs';
import module from 'node:module';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

// The signal would open a debugger, through which every key in the memory of the process can be read.
process.on('SIGUSR1', () => {});

const OLDEST = 20;

if (Number(process.versions.node.split('.')[0]) < OLDEST) {
  process.stderr.write(`rekey needs Node ${OLDEST} or newer; this is Node ${process.versions.node}.\n`);
  process.exit(1);
}

/**
 * Where compiled code is kept, so that the next command starts sooner: beside the package, or else in the
 * cache of this user. Whoever can write there can make rekey run anything: never in a folder of somebody else,
 * such as that of the user who ran sudo.
 */
const cacheFolder = () => {
  const folder = fileURLToPath(new URL('..', import.meta.url));
  try {
    accessSync(folder, constants.W_OK);
    return join(folder, '.cache');
  } catch {
    const home = homedir();
    return statSync(home).uid === process.getuid() ? join(home, '.cache/rekey') : undefined;
  }
};

try {
  // Not before Node 22.
  const folder = module.enableCompileCache && cacheFolder();
  if (folder !== undefined) module.enableCompileCache(folder);
} catch {
  // Without it, commands only start later.
}
