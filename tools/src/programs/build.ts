import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { rolldown, type Plugin } from 'rolldown';
import { luaSources } from '../pack/embed.ts';
import { repositoryRoot } from '../pack/packages.ts';
import { keepPlaces } from './places.ts';
import { digestOfSources, sourcesOf } from './sources.ts';

/** The programs, each with the folder of its app. */
const PROGRAMS = { gateway: 'gateway', worker: 'worker', simulator: 'simulator', rekey: 'cli' } as const;
type ProgramName = keyof typeof PROGRAMS;
const programNames = Object.keys(PROGRAMS) as ProgramName[];

/** Everything is in the files, except what Node has and what is an optional part of a package. */
const isExternal = (id: string): boolean => id.startsWith('node:') || id === 'msgpackr-extract';

const READS_LUA = join(repositoryRoot, 'libs/ledger/src/scripts/read-source.ts');

/** Lua is in the program. */
const embedLua: Plugin = {
  name: 'embed Lua',
  load: { filter: { id: READS_LUA }, handler: luaSources },
};

/** The name of a folder of programs says what they are built from: nothing else may be in them. */
const requireSources = (moduleIds: readonly string[]): void => {
  const known = new Set(sourcesOf(repositoryRoot));
  const unknown = moduleIds
    .filter((id) => id.startsWith('/') && !id.includes('/node_modules/') && !known.has(id))
    .map((id) => relative(repositoryRoot, id));
  if (unknown.length > 0)
    throw new Error(`programs contain what their digest does not (sources.ts): ${unknown.join(', ')}`);
};

/**
 * Writes a program into a folder: NAME.js, and files with what it imports later. Not minified: the functions
 * of a stack trace have the names of the sources, and comments say of which file.
 */
const buildProgram = async (name: ProgramName, into: string): Promise<void> => {
  const bundle = await rolldown({
    cwd: repositoryRoot,
    input: { [name]: join(repositoryRoot, `apps/${PROGRAMS[name]}/src/main.ts`) },
    external: isExternal,
    platform: 'node',
    resolve: { conditionNames: ['@rekey/source', 'node', 'import', 'default'] },
    plugins: [keepPlaces(into), embedLua],
  });
  const { output } = await bundle.write({
    dir: into,
    format: 'es',
    entryFileNames: '[name].js',
    chunkFileNames: `${name}-[name]-[hash].js`,
  });
  await bundle.close();
  requireSources(output.flatMap((one) => (one.type === 'chunk' ? one.moduleIds : [])));
};

/** Writes all programs into one folder, for specs. */
export const buildPrograms = async (into: string): Promise<void> => {
  await mkdir(into, { recursive: true });
  await Promise.all(programNames.map((name) => buildProgram(name, into)));
  // Without it, Node parses each file twice to find out what it is.
  await writeFile(join(into, 'package.json'), '{ "type": "module" }\n');
};

/** The start of `main.js`: the check runs before anything else is loaded, and keeps what is compiled. */
const startOf = async (name: ProgramName): Promise<string> => {
  const check = await readFile(join(repositoryRoot, 'libs/runtime/check-node.js'), 'utf8');
  const bare = check.replace('../../node_modules/', '../../../node_modules/');
  return `${bare}\nawait import('./program/${name}.js');\n`;
};

/** In the folder of a built program: the digest of what it is built from. */
const DIGEST = 'sources.txt';
const folderOfApp = (name: ProgramName): string => join(repositoryRoot, 'apps', PROGRAMS[name], 'dist');

/** Replaces what tsc has written as the main module of each app by its program. */
export const buildApps = async (): Promise<void> => {
  const digest = digestOfSources(repositoryRoot);
  await Promise.all(
    programNames.map(async (name) => {
      const dist = folderOfApp(name);
      const into = join(dist, 'program');
      await rm(into, { recursive: true, force: true });
      await buildProgram(name, into);
      await writeFile(join(dist, 'main.js'), await startOf(name));
      await writeFile(join(into, DIGEST), `${digest}\n`);
    }),
  );
};

/** The apps whose built programs are not of the sources as they are now. `tsc --build` builds none. */
export const staleApps = async (): Promise<string[]> => {
  const digest = digestOfSources(repositoryRoot);
  const read = (path: string) => readFile(path, 'utf8').catch(() => undefined);
  const stale = await Promise.all(
    programNames.map(async (name) => {
      const dist = folderOfApp(name);
      const isBuilt = (await read(join(dist, 'main.js'))) === (await startOf(name));
      const isNew = (await read(join(dist, 'program', DIGEST))) === `${digest}\n`;
      return isBuilt && isNew ? [] : [PROGRAMS[name]];
    }),
  );
  return stale.flat();
};
