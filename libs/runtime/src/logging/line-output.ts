import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { isatty } from 'node:tty';

/**
 * Lines for a file descriptor or a file. A line that cannot be written is dropped and counted: output never
 * throws, never blocks, and its memory is bounded.
 */
export interface LineOutput {
  /** Takes a line with its line end. */
  write(line: string): void;
  /** Tries once more to write the lines that wait for a reader. */
  flush(): void;
  /** The number of lines dropped since the start. */
  dropped(): number;
  close(): void;
}

/** Beyond this, lines for a reader that does not read are dropped. */
const MAX_WAITING_BYTES = 1024 * 1024;
const RETRY_EVERY_MS = 50;
const NEVER = -1;

/** A piece of the queue: a line, or the report of dropped ones. */
interface Piece {
  bytes: Buffer;
  lines: number;
  /** The number of dropped lines that it reports. */
  reports: number;
}

/**
 * `open` gives the descriptor to write to, and is called again after a failure to open. `report` makes the
 * line that says how many lines were dropped, and why; it is written before the first line that can be
 * written again.
 */
export const createLineOutput = (
  open: () => number,
  report: (count: number, code: string) => string,
): LineOutput => {
  const queue: Piece[] = [];
  let waitingBytes = 0;
  let retry: NodeJS.Timeout | undefined;
  let dropped = 0;
  let unreported = 0;
  let why = '';
  /** A line was cut off in the middle: the next one begins with a line end. */
  let torn = false;
  let fd = NEVER;

  const drop = ({ lines, reports }: Pick<Piece, 'lines' | 'reports'>, code: string) => {
    dropped += lines;
    unreported += lines + reports;
    why = code;
  };
  const append = (text: string, { lines, reports }: Pick<Piece, 'lines' | 'reports'>) => {
    const bytes = Buffer.from(torn && queue.length === 0 ? `\n${text}` : text);
    queue.push({ bytes, lines, reports });
    waitingBytes += bytes.length;
  };
  const appendReport = () => {
    const count = unreported;
    unreported = 0;
    append(report(count, why), { lines: 0, reports: count });
  };
  const giveUp = (code: string) => {
    for (const piece of queue.splice(0)) drop(piece, code);
    waitingBytes = 0;
  };
  const writeQueue = () => {
    while (queue.length > 0) {
      const piece = queue[0]!;
      const written = writeSync(fd, piece.bytes);
      waitingBytes -= written;
      torn = written < piece.bytes.length;
      if (torn) piece.bytes = piece.bytes.subarray(written);
      else queue.shift();
    }
  };
  const flush = () => {
    clearTimeout(retry);
    retry = undefined;
    try {
      if (fd === NEVER) fd = open();
      writeQueue();
      if (unreported > 0) {
        appendReport();
        writeQueue();
      }
    } catch (error) {
      const { code = 'UNKNOWN' } = error as NodeJS.ErrnoException;
      // Nobody reads at the moment, or slowly. It does not keep the process alive.
      if (code === 'EAGAIN') retry = setTimeout(flush, RETRY_EVERY_MS).unref();
      else giveUp(code);
    }
  };
  return {
    write: (line) => {
      if (waitingBytes + Buffer.byteLength(line) > MAX_WAITING_BYTES)
        return drop({ lines: 1, reports: 0 }, 'EAGAIN');
      if (unreported > 0 && queue.length === 0) appendReport();
      append(line, { lines: 1, reports: 0 });
      if (retry === undefined) flush();
    },
    flush,
    dropped: () => dropped,
    close: () => {
      clearTimeout(retry);
      if (fd !== NEVER) closeSync(fd);
      fd = NEVER;
    },
  };
};

let ignored = false;

/**
 * What standard output and error do not take is lost, also what libraries and Node itself write there: it is
 * no error that ends the process.
 */
export const ignoreOutputErrors = (): void => {
  if (ignored) return;
  ignored = true;
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
};

/**
 * Standard output or error, such that a write never blocks. Node makes pipes and sockets non-blocking when it
 * opens its stream of them, but not terminals: a terminal that Ctrl-S has stopped would stop the process.
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
