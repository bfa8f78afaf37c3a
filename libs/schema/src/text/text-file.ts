import { closeSync, constants, fstatSync, openSync, readSync, type Stats } from 'node:fs';

/**
 * Why a file cannot be read as text. The message continues a sentence that begins with the name of the file,
 * and quotes none of its content.
 */
export class TextFileError extends Error {
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.name = 'TextFileError';
    this.code = code;
  }
}

/** Larger than any key file or certificate. */
const MAX_BYTES = 1024 * 1024;
const CHUNK_BYTES = 64 * 1024;
/** A file that changes while it is read is read again, up to this number of times. */
const MAX_READINGS = 3;
const PIPE_ANSWERS_WITHIN_MS = 5000;
const PIPE_EVERY_MS = 20;

interface TextFileOptions {
  maxBytes?: number;
  /** Called with the file that was opened, before it is read. */
  onOpen?: (stats: Stats) => void;
}

/**
 * Reads a UTF-8 file, and strips a byte order mark. Also reads a pipe, such as `<(…)` in a shell. The wait
 * and the number of bytes (1 MiB, or `maxBytes`) are bounded, whatever is at that path. Throws a
 * TextFileError.
 */
export const readTextFile = (
  path: string,
  { maxBytes = MAX_BYTES, onOpen }: TextFileOptions = {},
): string => {
  let fd: number;
  try {
    // Otherwise opening a named pipe would block until there is a writer.
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    throw cannotRead(error);
  }
  try {
    onOpen?.(fstatSync(fd));
    return decodeText(readSettled(fd, maxBytes));
  } finally {
    closeSync(fd);
  }
};

/** Decodes UTF-8 and strips a byte order mark. Throws a TextFileError for other encodings and empty text. */
export const decodeText = (bytes: Uint8Array): string => {
  const [first, second] = bytes;
  if ((first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff))
    throw new TextFileError('UTF_16', 'is UTF-16 text; save it as UTF-8');
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new TextFileError('NOT_UTF_8', 'is not UTF-8 text; save it as UTF-8');
  }
  if (text.trim() === '') throw new TextFileError('EMPTY', 'is empty');
  return text;
};

const cannotRead = (error: unknown): TextFileError => {
  const { code = 'UNKNOWN' } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT') return new TextFileError(code, 'does not exist');
  if (code === 'EISDIR') return new TextFileError(code, 'is a folder');
  if (code === 'EACCES') return new TextFileError(code, 'cannot be read by this user (EACCES)');
  return new TextFileError(code, `cannot be read (${code})`);
};

/** Reads again if the file changed meanwhile: the bytes may be half old and half new. */
const readSettled = (fd: number, maxBytes: number): Buffer => {
  const versionOf = () => {
    const { mtimeMs, size } = fstatSync(fd);
    return `${mtimeMs}:${size}`;
  };
  const isFile = fstatSync(fd).isFile();
  for (let reading = 1; ; reading += 1) {
    const before = versionOf();
    const bytes = readAll(fd, isFile ? 0 : null, maxBytes);
    if (!isFile || before === versionOf() || reading === MAX_READINGS) return bytes;
  }
};

/** Reads from `start`; null for a pipe, which has no position. */
const readAll = (fd: number, start: number | null, maxBytes: number): Buffer => {
  const chunks: Buffer[] = [];
  let total = 0;
  const giveUpMs = performance.now() + PIPE_ANSWERS_WITHIN_MS;
  for (;;) {
    const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
    const read = readChunk(fd, chunk, start === null ? null : start + total);
    if (read === 0) return Buffer.concat(chunks, total);
    if (read === undefined) {
      if (performance.now() >= giveUpMs) throw new TextFileError('NO_WRITER', 'is a pipe without a writer');
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PIPE_EVERY_MS);
      continue;
    }
    total += read;
    if (total > maxBytes) throw new TextFileError('TOO_LARGE', `is larger than ${maxBytes} bytes`);
    chunks.push(chunk.subarray(0, read));
  }
};

/** Undefined while a pipe is empty. */
const readChunk = (fd: number, chunk: Buffer, position: number | null): number | undefined => {
  try {
    return readSync(fd, chunk, 0, chunk.length, position);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return undefined;
    throw cannotRead(error);
  }
};
