import { execFile } from 'node:child_process';
import { access } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
/** The last release of the oldest Node line that packages support, and the first that they support. */
const releases = { '20': '20.20.2', '20.16.0': '20.16.0' } as const;

/**
 * Finds a Node of that line, or of that release: an installed one, otherwise one from the npm registry, whose
 * download npm verifies and caches.
 */
export const findNode = async (version: keyof typeof releases): Promise<string> => {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    const node = join(folder, 'node');
    const found = await access(node)
      .then(() => run(node, ['--version']))
      .catch(() => undefined);
    if (found?.stdout.trim().concat('.').startsWith(`v${version}.`)) return node;
  }
  const { stdout } = await run('npm', [
    'exec',
    '--yes',
    `--package=node-linux-${process.arch}@${releases[version]}`,
    '--',
    'node',
    '--print',
    'process.execPath',
  ]);
  return stdout.trim();
};
