import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The text of each file, by its path from the root of the repository. */
export type SourceTree = ReadonlyMap<string, string>;

const READ = /\.(ts|js|mjs|lua|proto|sh|py|md)$|^\.ci\/|(^|\/)package\.json$/;

export interface Listing {
  /** Every file, including those whose text is not read. */
  paths: readonly string[];
  /** The text of sources, prose and package.json files. */
  texts: SourceTree;
}

const git = (root: string, ...args: string[]): Buffer =>
  execFileSync('git', args, { cwd: root, maxBuffer: 1 << 30 });

const pathsOf = (output: Buffer): string[] => output.toString().split('\0').filter(Boolean);

const readTexts = (root: string, paths: readonly string[]): Listing => ({
  paths,
  texts: new Map(
    paths.filter((path) => READ.test(path)).map((path) => [path, readFileSync(join(root, path), 'utf8')]),
  ),
});

/** Reads the files of the working tree that Git tracks, or would track after `git add`. */
export const readWorkingTree = (root: string): Listing => {
  const listed = git(root, 'ls-files', '-z', '--cached', '--others', '--exclude-standard');
  return readTexts(
    root,
    [...new Set(pathsOf(listed))].filter((path) => existsSync(join(root, path))).toSorted(),
  );
};

/** Reads the files of a commit. Needs `tar`. */
export const readCommit = (root: string, commit: string): Listing => {
  const folder = mkdtempSync(join(tmpdir(), 'rekey-shape-'));
  try {
    execFileSync('tar', ['-x', '-C', folder], {
      input: git(root, 'archive', '--format=tar', commit),
    });
    return readTexts(folder, pathsOf(git(root, 'ls-tree', '-r', '-z', '--name-only', '--full-tree', commit)));
  } finally {
    rmSync(folder, { recursive: true });
  }
};
