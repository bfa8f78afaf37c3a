import { dirname, join } from 'node:path';
import { mkdir, writeFile } from 'node:fs/promises';
import { rolldown, type Plugin } from 'rolldown';
import { embedSources } from '../pack/embed.ts';
import { repositoryRoot } from '../pack/packages.ts';

const sourceOf = (app: string): string => join(repositoryRoot, `apps/${app}/src/main.ts`);

/** The programs, by the names of their files. */
const PROGRAMS: Record<string, string> = {
  gateway: sourceOf('gateway'),
  worker: sourceOf('worker'),
  simulator: sourceOf('simulator'),
  rekey: sourceOf('cli'),
};

/** Packages that read files beside their modules find them where they are installed. */
const installedFolders: Plugin = {
  name: 'installed folders',
  transform: {
    filter: { id: /\/node_modules\//, code: /\b__dirname\b/ },
    handler: (code, id) => code.replaceAll(/\b__dirname\b/g, JSON.stringify(dirname(id))),
  },
};

/** Everything is in the file, except what Node has and what is an optional part of a package. */
const isExternal = (id: string): boolean => id.startsWith('node:') || id === 'msgpackr-extract';

const buildProgram = async (name: string, input: string, into: string): Promise<void> => {
  const bundle = await rolldown({
    cwd: repositoryRoot,
    input: { [name]: input },
    external: isExternal,
    platform: 'node',
    resolve: { conditionNames: ['@rekey/source', 'node', 'import', 'default'] },
    plugins: [installedFolders, embedSources],
  });
  await bundle.write({
    dir: into,
    format: 'es',
    entryFileNames: '[name].js',
    chunkFileNames: `${name}-[name]-[hash].js`,
  });
  await bundle.close();
};

/**
 * Writes each program into a folder, as one file, apart from what it imports later. Not minified: the
 * functions of a stack trace have the names of the sources, and comments (`#region`) say of which file.
 */
export const buildPrograms = async (into: string): Promise<void> => {
  await mkdir(into, { recursive: true });
  await Promise.all(Object.entries(PROGRAMS).map(([name, input]) => buildProgram(name, input, into)));
  // Without it, Node parses each file twice to find out what it is.
  await writeFile(join(into, 'package.json'), '{ "type": "module" }\n');
};
