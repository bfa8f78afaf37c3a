import { readFileSync } from 'node:fs';

const CHECK_EVERY_MS = 500;

/**
 * A process with a session of its own was detached on purpose (`setsid`, a supervisor). Known on Linux only.
 */
const leadsSession = (): boolean => {
  try {
    const stat = readFileSync('/proc/self/stat', 'utf8');
    const [, , , session] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return Number(session) === process.pid;
  } catch {
    return false;
  }
};

/**
 * Calls back once the parent of this process has ended: a kill often reaches only npm, or only the shell
 * between npm and this process. For processes whose parent waits for them. `npm_lifecycle_event` cannot
 * replace this: every descendant of npm has it, including one that an npm script starts in the background to
 * outlive npm.
 */
export const onParentExit = (callback: () => void): void => {
  if (leadsSession()) return;
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    callback();
  }, CHECK_EVERY_MS).unref();
};

/**
 * Like `onParentExit`, for a process that an npm script of this repository runs: only those scripts set
 * `REKEY_FOLLOW_PARENT`.
 */
export const onNpmExit = (callback: () => void): void => {
  if (process.env['REKEY_FOLLOW_PARENT'] === '1') onParentExit(callback);
};
