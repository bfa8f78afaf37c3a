// What runs first in the packed command line, in place of libs/runtime/check-node.js: it needs an older Node,
// and its compiled code is kept elsewhere. Plain JavaScript, for an old Node gets this far too.
import { accessSync, constants, statSync } from 'node:fs';
import module from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

// The signal would open a debugger, through which every key in the memory of the process can be read.
process.on('SIGUSR1', () => {});

// As `engines` in package.json says: what packages need of Node, such as styles in util.styleText, is there.
const OLDEST = [20, 16];

const [major, minor] = process.versions.node.split('.').map(Number);
if (major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1])) {
  process.stderr.write(
    `rekey needs Node ${OLDEST.join('.')} or newer; this is Node ${process.versions.node}.\n`,
  );
  process.exit(1);
}

// What the sources use of Node 24 and its library, and the first of these releases lack.
Promise.withResolvers ??= function withResolvers() {
  let settle;
  const promise = new this((resolve, reject) => (settle = { resolve, reject }));
  return { promise, ...settle };
};
const groups = (items, keyOf) => {
  const found = new Map();
  let index = 0;
  for (const item of items) {
    const key = keyOf(item, index++);
    found.set(key, [...(found.get(key) ?? []), item]);
  }
  return found;
};
Map.groupBy ??= groups;
Object.groupBy ??= (items, keyOf) => Object.fromEntries(groups(items, keyOf));
URL.parse ??= (text, base) => {
  try {
    return new URL(text, base);
  } catch {
    return null;
  }
};

/**
 * Where compiled code is kept, so that the next command starts sooner: beside the package, or else in the
 * cache of this user. Whoever can write there can make rekey run anything. A folder of another user, such as
 * that of the user who ran sudo, is therefore not used.
 */
const cacheFolder = () => {
  // The bundler puts this into rekey.js, or into a file of its own in `chunks`.
  const folder = fileURLToPath(new URL('.', import.meta.url)).replace(/chunks\/$/, '');
  try {
    accessSync(folder, constants.W_OK);
    return join(folder, '.cache');
  } catch {
    const home = process.getBuiltinModule('node:os').homedir();
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
