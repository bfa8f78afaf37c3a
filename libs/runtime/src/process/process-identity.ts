import { readFileSync } from 'node:fs';

/** The state of a process that has ended and whose parent has not waited for it. */
const ZOMBIE = 'Z';
/** Index in /proc/PID/stat, counted from the state, which follows the name in parentheses. */
const START_TIME = 19;

/**
 * Distinguishes a live process from a later one with the same PID, by the boot of the machine and the start
 * time of the process. Undefined if there is no such process, and on any system but Linux.
 */
export const processIdentity = (pid: number): string | undefined => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (fields[0] === ZOMBIE) return undefined;
    return `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()}:${fields[START_TIME]}`;
  } catch {
    return undefined;
  }
};
