import { execFile } from 'node:child_process';
import { globSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readdir, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { repositoryRoot } from '@rekey/testing';

const run = promisify(execFile);

/** Variables with which `npm start` uses ports that are free. */
export const FREE_PORTS = {
  REDIS_PORT: '0',
  SIMULATOR_PORT: '0',
  SIMULATOR_ADMIN_PORT: '0',
  GRPC_ADDRESS: '127.0.0.1:0',
};

/**
 * Copies the repository to a folder, as it is after a clone and `npm ci`: a Git work tree without changes,
 * with links to the installed packages. The links of the workspaces lead into the copy.
 */
export const freshCopy = async (): Promise<{ parent: string; folder: string; dispose(): Promise<void> }> => {
  const parent = await mkdtemp(join(tmpdir(), 'rekey-first-hour-'));
  const folder = join(parent, 'rekey');
  const { stdout } = await run('git', ['ls-files', '--cached', '--others', '--exclude-standard', '-z'], {
    cwd: repositoryRoot,
    maxBuffer: 16 * 1024 * 1024,
  });
  for (const path of stdout.split('\0').filter(Boolean)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    // Git also lists a file whose deletion is not committed yet.
    await cp(join(repositoryRoot, path), join(folder, path), { verbatimSymlinks: true }).catch(
      (error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOENT') throw error;
      },
    );
  }
  // Versions that differ from those of others are in folders of the projects.
  const folders = globSync(['node_modules', '{apps,libs}/*/node_modules', '{tools,bench,e2e}/node_modules'], {
    cwd: repositoryRoot,
  });
  for (const path of folders) await linkPackages(join(repositoryRoot, path), join(folder, path));
  const git = (...args: string[]) =>
    run(
      'git',
      ['-c', 'user.name=spec', '-c', 'user.email=spec@example.com', '-c', 'init.defaultBranch=main', ...args],
      { cwd: folder },
    );
  await git('init', '--quiet');
  await git('add', '--all');
  await git('commit', '--quiet', '--no-gpg-sign', '--message', 'as cloned');
  return { parent, folder, dispose: () => rm(parent, { recursive: true, force: true, maxRetries: 3 }) };
};

export const linkPackages = async (from: string, to: string): Promise<void> => {
  await mkdir(to, { recursive: true });
  for (const name of await readdir(from)) {
    // The copy starts without compiled code, and keeps its own.
    if (name === '.cache') continue;
    // npm's own links are relative: copied unchanged, they lead into the copy.
    if (name === '.bin' || name === '@rekey')
      await cp(join(from, name), join(to, name), { recursive: true, verbatimSymlinks: true });
    else await symlink(join(from, name), join(to, name));
  }
};
