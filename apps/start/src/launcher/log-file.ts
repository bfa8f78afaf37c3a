import { openSync, renameSync } from 'node:fs';
import { createLineOutput, type LineOutput } from '@rekey/runtime';

const MAX_BYTES = 16 * 1024 * 1024;

/**
 * Returns a function that appends a line to a file. A full file is renamed to FILE.1, and a new one starts.
 * Lines that the disk has no space for are dropped.
 */
export const createLogFile = (path: string): ((line: string) => void) => {
  const open = (): LineOutput =>
    createLineOutput(
      () => openSync(path, 'a', 0o600),
      (count, code) => `${count} lines are missing: the file could not be written (${code})\n`,
    );
  let output = open();
  let bytes = 0;
  return (line) => {
    output.write(`${line}\n`);
    bytes += line.length + 1;
    if (bytes < MAX_BYTES) return;
    bytes = 0;
    output.close();
    try {
      renameSync(path, `${path}.1`);
    } catch {
      // The file was removed, or stays and grows.
    }
    output = open();
  };
};
