// Ends a process of Rekey if its Node is too old, and says what to do. Apps import it first, and npm scripts
// preload it. Plain JavaScript without imports: it has to run on an old Node, which cannot load TypeScript.
// For the same reason, the first line stands in for --disable-sigusr1, which an old Node refuses: the signal
// would open a debugger, through which every key in the memory of the process can be read.
process.on('SIGUSR1', () => {});

const OLDEST = 24;

if (Number(process.versions.node.split('.')[0]) < OLDEST) {
  process.stderr.write(
    `Rekey needs Node ${OLDEST} or newer; this is Node ${process.versions.node}. ` +
      'On Linux, npm ci installs one that fits: use npm run, npx, or node_modules/.bin/node. ' +
      'Elsewhere, install it from https://nodejs.org.\n',
  );
  process.exit(1);
}

// Modules that are loaded after this one start in half the time: their compiled code is kept beside the
// packages, which only those can write who can change the packages too. Ignored if the folder is read-only.
// NODE_COMPILE_CACHE names another folder, and NODE_DISABLE_COMPILE_CACHE=1 keeps nothing.
const { fileURLToPath } = process.getBuiltinModule('node:url');
process
  .getBuiltinModule('node:module')
  .enableCompileCache(fileURLToPath(new URL('../../node_modules/.cache/rekey', import.meta.url)));
