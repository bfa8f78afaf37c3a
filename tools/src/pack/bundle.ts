import { join } from 'node:path';
import { rolldown, type CodeSplittingGroup, type OutputChunk, type Plugin } from 'rolldown';
import { dts } from 'rolldown-plugin-dts';
import { embed } from './embed.ts';
import { repositoryRoot, type PackageSpec } from './packages.ts';
import { isReplaced, trimDependencies } from './trimmed-dependencies.ts';

/** Each import that is not of a file of this repository is of a package. */
const isPackage = (id: string, name: string): boolean => id === name || id.startsWith(`${name}/`);

const entriesOf = ({ folder, entries }: PackageSpec, locate: (path: string) => string) =>
  Object.fromEntries(
    Object.entries(entries).map(([name, path]) => [name, join(repositoryRoot, folder, locate(path))]),
  );

/** What a package does not contain. */
type IsExternal = (id: string, importer?: string) => boolean;

export const externalOf = (names: readonly string[]): IsExternal => {
  return (id, importer) =>
    (id.startsWith('node:') && !isReplaced(id, importer)) || names.some((name) => isPackage(id, name));
};

/** `#!/usr/bin/env -S node --conditions=@rekey/source` is for the sources. */
const runByNode = (code: string): string => code.replace(/^#!.*/, '#!/usr/bin/env node');

const UNESCAPED = /\bString\.raw`[^`]*[^\0-\x7f`]/;
/** The same code in ASCII, which Node reads twice as fast as text with any other character. */
const asAscii = (code: string): string => {
  if (UNESCAPED.test(code)) throw new Error('a String.raw has a character that is not ASCII');
  return code.replaceAll(/[^\0-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
};

const finish: Plugin = {
  name: 'finish',
  generateBundle: (_options, bundle) => {
    for (const one of Object.values(bundle))
      if (one.type === 'chunk') one.code = asAscii(runByNode(one.code));
  },
};

/**
 * What nearly every command needs is in one file. Each file takes half a millisecond, and what `rekey`
 * imports only for some commands, such as zod, stays apart.
 */
const PARSERS = /\/profiles\/profile-(?:file|schema|command)\.ts$/;
const commonModules: CodeSplittingGroup = {
  name: 'common',
  test: (id) =>
    /\/apps\/cli\/src\/|\/libs\/schema\/src\/(?:states|text|errors)\//.test(id) && !PARSERS.test(id),
  minShareCount: 10,
};

/**
 * Writes the modules of a package into `into`, with all that they import except dependencies. What is
 * imported only later is a file of its own: a command that does not use it does not read it.
 */
export const writeModules = async (
  spec: PackageSpec,
  { version, external, into }: { version: string; external: IsExternal; into: string },
): Promise<readonly OutputChunk[]> => {
  const bundle = await rolldown({
    cwd: repositoryRoot,
    input: entriesOf(spec, (path) => path),
    external,
    platform: 'node',
    resolve: { conditionNames: ['@rekey/source', 'node', 'import', 'default'] },
    transform: { target: 'node20' },
    plugins: [embed(version), trimDependencies, finish],
  });
  const { output } = await bundle.write({
    dir: into,
    // Node starts CommonJS sooner. In it, rolldown refuses an await at the top level of a module: files that
    // import each other would wait for each other.
    format: spec.isLibrary ? 'es' : 'cjs',
    ...(!spec.isLibrary && { codeSplitting: { groups: [commonModules] } }),
    entryFileNames: '[name].js',
    chunkFileNames: 'chunks/[name]-[hash].js',
    // Comments with licences are in THIRD-PARTY-NOTICES.txt.
    comments: { legal: false, annotation: false, jsdoc: false },
    minify: { compress: true, mangle: false, codegen: true },
  });
  return output.filter((one) => one.type === 'chunk');
};

/** The types of a package in one file: of those that it exports, and of what these are made of. */
export const writeTypes = async (
  spec: PackageSpec,
  { external, into }: { external: IsExternal; into: string },
): Promise<void> => {
  const bundle = await rolldown({
    cwd: repositoryRoot,
    input: entriesOf(spec, (path) => path.replace(/^src/, 'dist').replace(/\.ts$/, '.d.ts')),
    external: (id) => !id.startsWith('.') && !id.startsWith('/') && !id.startsWith('@rekey/'),
    plugins: [declarationsOfRepository, dts({ dtsOnly: true, generator: 'oxc', tsconfig: false })],
  });
  const { output } = await bundle.write({ dir: into, format: 'es', entryFileNames: '[name].d.ts' });
  const text = output.map((one) => (one.type === 'chunk' ? one.code : '')).join('\n');
  const imported = [...text.matchAll(/^import .* from "(.*)";$/gm)].map(([, id]) => id!);
  const foreign = imported.filter((id) => !external(id));
  if (foreign.length > 0) throw new Error(`the types of ${spec.folder} import ${foreign.join(', ')}`);
};

/** Finds the types that `tsc --build` has written for a source or a package of the repository. */
const declarationsOfRepository = {
  name: 'declarations',
  resolveId: (id: string, importer: string | undefined): string | undefined => {
    if (id.startsWith('@rekey/'))
      return join(repositoryRoot, 'libs', id.slice('@rekey/'.length), 'dist/index.d.ts');
    if (importer === undefined || !id.startsWith('.')) return undefined;
    return join(importer, '..', id.replace(/(\.d)?\.ts$/, '.d.ts'));
  },
};
