import type { Stats } from 'node:fs';
import { readTextFile, TextFileError } from '@rekey/schema';

const WRITABLE_BY_OTHERS = 0o002;

const refuseWritable = (stats: Stats): void => {
  // Nobody writes to what a pipe has passed on.
  if (stats.isFile() && (stats.mode & WRITABLE_BY_OTHERS) !== 0)
    throw new TextFileError('EXPOSED', 'can be written by every user; run chmod o-w on it');
};

/**
 * Reads a file that says who may do what, or whose proof counts: whoever can write it can become an
 * administrator. Throws a TextFileError, also if every user can write it.
 */
export const readTrustedFile = (path: string): string => readTextFile(path, { onOpen: refuseWritable });
