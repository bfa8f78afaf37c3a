import { readFileSync } from 'node:fs';

/** The state of a process that has ended and that nobody has waited for. */
const ZOMBIE = 'Z';
/** Of /proc/PID/stat, counted from the state, which follows the name in parentheses. */
const START_TIME = 19;

/**
 * Tells a live process from a later one with the same number: the boot of the machine, and when the process
 * started. Undefined if no such process lives, and elsewhere than on Linux.
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
