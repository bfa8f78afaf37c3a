import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Plugin } from 'rolldown';
import { repositoryRoot } from './packages.ts';

const inRepository = (path: string): string => join(repositoryRoot, path);
const read = (path: string): string => readFileSync(inRepository(path), 'utf8');

/** The sources of the commands in Lua, which in the repository are files. */
export const luaSources = (): string => {
  const root = inRepository('libs/ledger/src');
  const sources = globSync('**/*.lua', { cwd: root })
    .toSorted()
    .map((path) => [path, readFileSync(join(root, path), 'utf8')]);
  return `const sources = ${JSON.stringify(Object.fromEntries(sources))};
export const readSource = (path) => sources[path];`;
};

/** Replaces modules that read files of the repository while they run. */
export const embed = (version: string): Plugin => {
  const replaced = new Map<string, () => string>([
    ['apps/cli/src/entry/version.ts', () => `export const version = () => ${JSON.stringify(version)};`],
    ['apps/cli/src/entry/checkout.ts', () => 'export const checkout = undefined;'],
    ['libs/runtime/src/version.ts', () => `export const version = ${JSON.stringify(version)};`],
    ['libs/runtime/check-node.js', () => read('tools/src/pack/start-of-package.js')],
    ['libs/ledger/src/scripts/read-source.ts', luaSources],
  ]);
  const byPath = new Map([...replaced].map(([path, text]) => [inRepository(path), text]));
  return {
    name: 'embed',
    load: (id) => byPath.get(id)?.(),
  };
};
