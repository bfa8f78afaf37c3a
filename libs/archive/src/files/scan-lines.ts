import type { FileHandle } from 'node:fs/promises';
import { MAX_LINE_BYTES } from '../format/entry-line.ts';

/** Longer than any line of an archive. */
const BUFFER_BYTES = 4 * MAX_LINE_BYTES;
const SMALLEST_BYTES = 64 * 1024;
const LF = 0x0a;

interface Scan {
  /** A whole line, without its line feed; false ends the scan. */
  onLine(bytes: Buffer, begin: number, end: number): boolean;
  /** Everything that was read, in order. The bytes are reused afterwards. */
  onBytes?(bytes: Buffer): void;
}

interface ScanResult {
  bytes: number;
  /** The bytes after the last line feed: of a line that was not written whole. */
  torn: number;
}

/**
 * Reads a file by whole lines. A line that is longer than any line of an archive is passed on in parts, none
 * of which is a line of an archive.
 */
export const scanLines = async (file: FileHandle, { onLine, onBytes }: Scan): Promise<ScanResult> => {
  const { size } = await file.stat();
  let buffer = Buffer.allocUnsafe(Math.min(Math.max(size, SMALLEST_BYTES), BUFFER_BYTES));
  let [kept, total] = [0, 0];
  for (;;) {
    const { bytesRead } = await file.read(buffer, kept, buffer.length - kept, null);
    if (bytesRead === 0) return { bytes: total, torn: kept };
    total += bytesRead;
    onBytes?.(buffer.subarray(kept, kept + bytesRead));
    const filled = kept + bytesRead;
    let begin = 0;
    for (;;) {
      const end = buffer.indexOf(LF, Math.max(begin, kept));
      if (end === -1 || end >= filled) break;
      if (!onLine(buffer, begin, end)) return { bytes: total, torn: 0 };
      begin = end + 1;
      kept = begin;
    }
    if (begin === 0 && filled === BUFFER_BYTES) {
      if (!onLine(buffer, 0, filled)) return { bytes: total, torn: 0 };
      begin = filled;
    }
    if (begin === 0 && filled === buffer.length)
      buffer = Buffer.concat([buffer], Math.min(2 * buffer.length, BUFFER_BYTES));
    else buffer.copyWithin(0, begin, filled);
    kept = filled - begin;
  }
};
