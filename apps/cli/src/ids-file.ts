import { createReadStream } from 'node:fs';
import { complaintAboutId } from '@rekey/schema';
import { CliError } from './failure.ts';

/** So many lines are named of those that are not valid. */
const MAX_NAMED_LINES = 5;
/** No id is longer than 256 bytes: what comes without a line break for so long is no list of ids. */
const MAX_LINE_CHARACTERS = 100_000;

const wrong = (message: string): CliError => new CliError(message, 'INVALID_ARGUMENT');

/**
 * The ids of a file, one a line, in batches of at most so many bytes on the wire. `-` is standard input. Takes Windows line ends, a BOM,
 * blank lines, and spaces around ids. Throws for a file without ids, and, when it has been read to its end, for lines that are
 * not valid: it names the first few, and no batch comes after the first of them.
 */
export async function* readIds(path: string, { batchBytes, stdin = process.stdin }: { batchBytes: number; stdin?: AsyncIterable<Uint8Array> }): AsyncGenerator<string[]> {
  const name = path === '-' ? 'standard input' : path;
  const bad = { named: [] as string[], count: 0 };
  let batch: string[] = [];
  let bytes = 0;
  let lineNumber = 0;
  let found = false;
  for await (const lines of linesOf(path === '-' ? stdin : createReadStream(path), name)) {
    for (const line of lines) {
      lineNumber += 1;
      const id = line.trim();
      if (id === '') continue;
      found = true;
      const complaint = complaintAboutId(id);
      if (complaint !== undefined) {
        bad.count += 1;
        if (bad.named.length < MAX_NAMED_LINES) bad.named.push(`line ${lineNumber} ${complaint}`);
        continue;
      }
      if (bad.count > 0) continue;
      // Tag and length of a string in a message take three bytes at the most.
      const size = Buffer.byteLength(id) + 3;
      if (bytes + size > batchBytes) {
        yield batch;
        batch = [];
        bytes = 0;
      }
      batch.push(id);
      bytes += size;
    }
  }
  if (bad.count > 0) throw wrong(`${name} holds what is not an id: ${bad.named.join('; ')}${bad.count > bad.named.length ? `; and ${bad.count - bad.named.length} more` : ''}. Nothing was created.`);
  if (!found) throw wrong(`${name} holds no ids. It takes one assistant id a line.`);
  yield batch;
}

/** The lines of a text as they come, many at once. */
async function* linesOf(source: AsyncIterable<Uint8Array>, name: string): AsyncGenerator<string[]> {
  // It also takes a BOM away.
  const decoder = new TextDecoder('utf-8', { fatal: true });
  const decode = (chunk?: Uint8Array): string => {
    try {
      return chunk ? decoder.decode(chunk, { stream: true }) : decoder.decode();
    } catch {
      throw wrong(`${name} is not UTF-8 text. Save it as UTF-8.`);
    }
  };
  let rest = '';
  for await (const chunk of readable(source, name)) {
    const lines = (rest + decode(chunk)).split('\n');
    rest = lines.pop()!;
    if (rest.length > MAX_LINE_CHARACTERS) throw wrong(`${name} is not a list of ids: it has a line of more than ${MAX_LINE_CHARACTERS} characters. It takes one assistant id a line.`);
    yield lines;
  }
  yield [rest + decode()];
}

async function* readable(source: AsyncIterable<Uint8Array>, name: string): AsyncGenerator<Uint8Array> {
  try {
    yield* source;
  } catch (error) {
    throw wrong(`${name} cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown'}).`);
  }
}
