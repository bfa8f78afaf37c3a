import { execFileSync } from 'node:child_process';
import { describe } from '@jest/globals';

/** Whether a command ends with 0. Prints a warning if not: what is skipped, and what it needs. */
export const succeeds = (command: string, args: string[], skipped: string): boolean => {
  try {
    execFileSync(command, args, { stdio: 'ignore' });
    return true;
  } catch {
    console.warn(`Skipped: ${skipped}.`);
    return false;
  }
};

/** `describe`, or `describe.skip` on a machine that lacks what the specs need. */
export const describeIf = (isThere: boolean): typeof describe.skip => (isThere ? describe : describe.skip);
