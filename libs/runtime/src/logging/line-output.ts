import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { isatty } from 'node:tty';

/**
 * Writes lines to a file descriptor or a file. Drops and counts lines that cannot be written: output never
 * throws, never blocks, and its memory is bounded.
 */
export interface LineOutput {
  /** Writes a line, which includes its line end. */
  write(line: string): void;
  /** Tries once more to write the queued lines. */
  flush(): void;
  /** The number of lines dropped since the start. */
  dropped(): number;
  close(): void;
}

/** Beyond this, lines are dropped while their reader does not read. */
const MAX_QUEUED_BYTES = 1024 * 1024;
const RETRY_EVERY_MS = 50;
const NOT_OPEN = -1;

/** A piece of the queue: a line, or a report of dropped lines. */
interface Piece {
  bytes: Buffer;
  lines: number;
  /** The number of dropped lines that it reports. */
  reports: number;
}

/**
 * `open` returns the descriptor to write to, and is called again after it failed. `report` makes the line
 * that says how many lines were dropped, and why. It precedes the first line that can be written again.
 */
export const createLineOutput = (
  open: () => number,
  report: (count: number, code: string) => string,
): LineOutput => {
  const queue: Piece[] = [];
  let queuedBytes = 0;
  let retry: NodeJS.Timeout | undefined;
  let dropped = 0;
  let unreported = 0;
  let reason = '';
  /** The last line was cut off in the middle: the next one starts with a line end. */
  let torn = false;
  let fd = NOT_OPEN;

  const drop = ({ lines, reports }: Pick<Piece, 'lines' | 'reports'>, code: string) => {
    dropped += lines;
    unreported += lines + reports;
    reason = code;
  };
  const append = (text: string, { lines, reports }: Pick<Piece, 'lines' | 'reports'>) => {
    const bytes = Buffer.from(torn && queue.length === 0 ? `\n${text}` : text);
    queue.push({ bytes, lines, reports });
    queuedBytes += bytes.length;
  };
  const appendReport = () => {
    const count = unreported;
    unreported = 0;
    append(report(count, reason), { lines: 0, reports: count });
  };
  const dropQueue = (code: string) => {
    for (const piece of queue.splice(0)) drop(piece, code);
    queuedBytes = 0;
  };
  const writeQueue = () => {
    while (queue.length > 0) {
      const piece = queue[0]!;
      const written = writeSync(fd, piece.bytes);
      queuedBytes -= written;
      torn = written < piece.bytes.length;
      if (torn) piece.bytes = piece.bytes.subarray(written);
      else queue.shift();
    }
  };
  const flush = () => {
    clearTimeout(retry);
    retry = undefined;
    try {
      if (fd === NOT_OPEN) fd = open();
      writeQueue();
      if (unreported > 0) {
        appendReport();
        writeQueue();
      }
    } catch (error) {
      const { code = 'UNKNOWN' } = error as NodeJS.ErrnoException;
      // The reader does not read at the moment, or slowly. The timer does not keep the process alive.
      if (code === 'EAGAIN') retry = setTimeout(flush, RETRY_EVERY_MS).unref();
      else dropQueue(code);
    }
  };
  return {
    write: (line) => {
      if (queuedBytes + Buffer.byteLength(line) > MAX_QUEUED_BYTES)
        return drop({ lines: 1, reports: 0 }, 'EAGAIN');
      if (unreported > 0 && queue.length === 0) appendReport();
      append(line, { lines: 1, reports: 0 });
      if (retry === undefined) flush();
    },
    flush,
    dropped: () => dropped,
    close: () => {
      clearTimeout(retry);
      if (fd !== NOT_OPEN) closeSync(fd);
      fd = NOT_OPEN;
    },
  };
};

let ignored = false;

/**
 * Ignores errors of standard output and error, also for what libraries and Node itself write there: such an
 * error must not end the process.
 */
export const ignoreOutputErrors = (): void => {
  if (ignored) return;
  ignored = true;
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
};

/**
 * A descriptor of standard output or error whose writes never block. Node makes pipes and sockets
 * non-blocking when it opens its stream of them, but not terminals: a terminal stopped by Ctrl-S would stop
 * the process.
 */
export const openNonBlocking = (fd: 1 | 2): number => {
  ignoreOutputErrors();
  if (!isatty(fd)) return fd;
  try {
    return openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch {
    return fd;
  }
};
