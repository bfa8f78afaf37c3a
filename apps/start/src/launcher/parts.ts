import { appendFileSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { processIdentity } from '@rekey/runtime';
import type { Child } from '@rekey/testing';
import type { Lifecycle } from './lifecycle.ts';

const STOP_WITHIN_MS = 60_000;

/** A process that a launcher has started. */
export interface Part {
  name: string;
  pid: number;
  identity?: string;
}

/** The processes of this launcher. A file records them, in case the launcher is killed. */
export interface Parts {
  /** Has a part stopped in order when the launcher ends, and records it. */
  add(name: string, child: Child): void;
  /** The parts of a killed launcher that still run. Skips a PID that another process has by now. */
  leftBehind(): Promise<Part[]>;
  /** Starts an empty record, which is removed when the launcher ends. */
  reset(): Promise<void>;
}

export const createParts = (path: string, lifecycle: Lifecycle): Parts => ({
  add: (name, child) => {
    lifecycle.defer(() => child.stop(STOP_WITHIN_MS));
    const part: Part = { name, pid: child.pid, ...identityOf(child.pid) };
    appendFileSync(path, `${JSON.stringify(part)}\n`);
  },
  leftBehind: async () => {
    const recorded = (await readFile(path, 'utf8').catch(() => '')).split('\n').flatMap(parsePart);
    return recorded.filter(
      ({ pid, identity }) => identity !== undefined && identity === processIdentity(pid),
    );
  },
  reset: async () => {
    await writeFile(path, '', { mode: 0o600 });
    lifecycle.defer(() => rm(path, { force: true }));
  },
});

const identityOf = (pid: number): { identity?: string } => {
  const identity = processIdentity(pid);
  return identity === undefined ? {} : { identity };
};

const parsePart = (line: string): Part[] => {
  try {
    return [JSON.parse(line) as Part];
  } catch {
    return [];
  }
};
