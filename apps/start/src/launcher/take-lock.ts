import { join } from 'node:path';
import { processIdentity } from '@rekey/runtime';
import { lockFolder, type Holder } from './folder-lock.ts';
import type { Launcher } from './launcher.ts';
import type { Part } from './parts.ts';

/**
 * Makes sure that nothing else writes to the same data: another `npm start`, or the parts that a killed one
 * left behind.
 */
export const takeLock = async ({ dataDir, lifecycle, parts, terminal }: Launcher): Promise<void> => {
  const lock = await lockFolder(join(dataDir, 'lock'));
  if ('heldBy' in lock) throw new Error(describeHolder(lock.heldBy));
  if ('forbidden' in lock) throw new Error(describeForbidden(lock.forbidden));
  if ('unsupported' in lock)
    terminal.note('lock', `none (${lock.unsupported}): do not run npm start twice in this folder`);
  else lifecycle.defer(lock.release);
  const left = await parts.leftBehind();
  if (left.length > 0) throw new Error(describeLeftBehind(left));
  await parts.reset();
};

const describeHolder = (holder: Holder | undefined): string => {
  if (holder?.identity !== undefined && holder.identity === processIdentity(holder.pid))
    return (
      `npm start already runs here, as process ${holder.pid}. ` +
      `Stop it with Ctrl-C in its terminal, or: kill ${holder.pid}`
    );
  const where = holder ? `, on ${JSON.stringify(holder.host)}, possibly in a container` : '';
  return `npm start already runs here${where}. Stop it with Ctrl-C in its terminal.`;
};

const describeForbidden = (path: string): string =>
  'npm start already runs here as another user, or was killed and left a socket behind that this user may ' +
  `not open: ${path}. If it does not run, remove that file.`;

const describeLeftBehind = (left: readonly Part[]): string => {
  const names = left.map(({ name, pid }) => `${name} (${pid})`).join(', ');
  const pids = left.map(({ pid }) => pid).join(' ');
  return `npm start was killed and left processes behind: ${names}. Stop them: kill ${pids}`;
};
