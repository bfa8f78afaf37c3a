import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { rolldown, type Plugin } from 'rolldown';
import { luaSources } from '../pack/embed.ts';
import { repositoryRoot } from '../pack/packages.ts';

/** The programs, each with the folder of its app. */
const PROGRAMS = { gateway: 'gateway', worker: 'worker', simulator: 'simulator', rekey: 'cli' } as const;
type ProgramName = keyof typeof PROGRAMS;

/** Everything is in the files, except what Node has and what is an optional part of a package. */
const isExternal = (id: string): boolean => id.startsWith('node:') || id === 'msgpackr-extract';

const READS_LUA = join(repositoryRoot, 'libs/ledger/src/scripts/read-source.ts');

/** Modules of the repository find other files from where their own source is. Lua is in the program. */
const sourceFiles = (into: string): Plugin => ({
  name: 'source files',
  load: { filter: { id: READS_LUA }, handler: luaSources },
  transform: {
    filter: { id: /\/(apps|libs)\/[^/]+\/(?!node_modules\/)/, code: /\bimport\.meta\.url\b/ },
    handler: (code, id) =>
      code.replaceAll(
        'import.meta.url',
        `new URL(${JSON.stringify(relative(into, id))}, import.meta.url).href`,
      ),
  },
});

/**
 * Packages that read files beside their modules find them where they are installed. The path is relative: a
 * checkout may be built in one place and run in another.
 */
const installedFolders = (into: string): Plugin => {
  const folders: string[] = [];
  const nameOf = (folder: string): string => {
    if (!folders.includes(folder)) folders.push(folder);
    return `__dirname_${folders.indexOf(folder)}`;
  };
  const declaration = (name: string): string => {
    const folder = relative(into, folders[Number(name.slice('__dirname_'.length))]!);
    return `const ${name} = import.meta.dirname + ${JSON.stringify(`/${folder}`)};\n`;
  };
  return {
    name: 'installed folders',
    transform: {
      filter: { id: /\/node_modules\/.*[.]js$/, code: /^(?! *\*).*\b__dirname\b/m },
      handler: (code, id) => code.replaceAll(/\b__dirname\b/g, nameOf(dirname(id))),
    },
    renderChunk: (code) => {
      const used = new Set(code.match(/\b__dirname_\d+\b/g));
      // The first line of the sources names an interpreter that strips types.
      return [...used].map(declaration).join('') + code.replace(/^#!.*\n/, '');
    },
  };
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
    plugins: [installedFolders(into), sourceFiles(into)],
  });
  await bundle.write({
    dir: into,
    format: 'es',
    entryFileNames: '[name].js',
    chunkFileNames: `${name}-[name]-[hash].js`,
  });
  await bundle.close();
};

/** Writes all programs into one folder, for specs. */
export const buildPrograms = async (into: string): Promise<void> => {
  await mkdir(into, { recursive: true });
  await Promise.all((Object.keys(PROGRAMS) as ProgramName[]).map((name) => buildProgram(name, into)));
  // Without it, Node parses each file twice to find out what it is.
  await writeFile(join(into, 'package.json'), '{ "type": "module" }\n');
};

/** The start of `main.js`: the check runs before anything else is loaded, and keeps what is compiled. */
const startOf = async (name: ProgramName): Promise<string> => {
  const check = await readFile(join(repositoryRoot, 'libs/runtime/check-node.js'), 'utf8');
  const bare = check.replace('../../node_modules/', '../../../node_modules/');
  return `${bare}\nawait import('./program/${name}.js');\n`;
};

/** Replaces what tsc has written as the main module of each app by its program. */
export const buildApps = async (): Promise<void> => {
  await Promise.all(
    (Object.keys(PROGRAMS) as ProgramName[]).map(async (name) => {
      const dist = join(repositoryRoot, 'apps', PROGRAMS[name], 'dist');
      const into = join(dist, 'program');
      await rm(into, { recursive: true, force: true });
      await buildProgram(name, into);
      await writeFile(join(dist, 'main.js'), await startOf(name));
    }),
  );
};
