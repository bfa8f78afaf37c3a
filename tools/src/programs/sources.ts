import { createHash } from 'node:crypto';
import { globSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';

/**
 * All that a built program depends on. Packages of npm are what the lock file says, and what npm notes that
 * it has installed: after a pull, the lock file can be ahead of the packages.
 */
const INPUTS = [
  '{package-lock,tsconfig*}.json',
  'node_modules/.package-lock.json',
  'apps/{gateway,worker,simulator,cli}/{package.json,tsconfig*.json,src/**}',
  'libs/*/{package.json,tsconfig*.json,*.{js,cjs},src/**}',
  'tools/src/{pack,programs}/**',
];
const IS_SPEC = /(\.spec|-fixture)\.ts$/;

/** The files that programs are built from, besides packages of npm. */
export const sourcesOf = (root: string): string[] =>
  globSync(INPUTS, { cwd: root, withFileTypes: true })
    .filter((entry) => entry.isFile() && !IS_SPEC.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name));

/** A digest of the names and contents of everything that the programs are built from. */
export const digestOfSources = (root: string): string => {
  const hash = createHash('sha256');
  for (const path of sourcesOf(root).toSorted()) {
    const content = readFileSync(path);
    hash.update(`${relative(root, path)}\0${content.length}\0`).update(content);
  }
  return hash.digest('hex').slice(0, 16);
};
