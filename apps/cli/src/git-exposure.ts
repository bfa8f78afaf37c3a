import { execFile } from 'node:child_process';
import { basename, dirname, resolve } from 'node:path';

const NOT_IGNORED = 1;

/** Whether the file is in a git work tree that does not ignore it. False if git cannot tell. */
export const isExposedToGit = (path: string): Promise<boolean> =>
  new Promise((answer) => {
    const child = execFile(
      'git',
      ['check-ignore', '--quiet', '--', basename(path)],
      { cwd: dirname(resolve(path)), timeout: 5000 },
      () => answer(child.exitCode === NOT_IGNORED),
    );
  });

/** Warns on standard error, so that the user does not commit a private key by accident. */
export const warnIfExposedToGit = async (path: string): Promise<void> => {
  if (await isExposedToGit(path))
    process.stderr.write(
      `warning: ${path} holds private keys, and git does not ignore it. ` +
        'Before you commit, add it to .gitignore or move it out of the work tree.\n',
    );
};
