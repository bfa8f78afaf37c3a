import { createReadStream } from 'node:fs';
import { complaintAboutId } from '@rekey/schema';
import { CliError } from '../failure.ts';

/** How many invalid lines an error names. */
const MAX_NAMED_LINES = 5;
/** No id is longer than 256 bytes: a longer line shows that the file is no list of ids. */
const MAX_LINE_CHARACTERS = 100_000;

const wrong = (message: string): CliError => new CliError(message, 'INVALID_ARGUMENT');

/** Column separators of tables. None of them occurs in an id of Invent. */
const separator = /[,;|\t"]/;
/** Column names in lower case, singular and without separators. Each would be valid as an id. */
const columnNames = new Set([
  'id',
  'uuid',
  'key',
  'name',
  'label',
  'value',
  'assistant',
  'assistantid',
  'assistantname',
  'assistantuuid',
  'ast',
  'astid',
  'bot',
  'botid',
  'agent',
  'agentid',
  'org',
  'orgid',
  'organization',
  'organizationid',
  'externalid',
  'secretkey',
]);
const isColumnName = (line: string): boolean =>
  columnNames.has(
    line
      .toLowerCase()
      .replace(/[\s_."-]/g, '')
      .replace(/s$/, ''),
  );

/** The prefix of Invent's ids. */
const PREFIX = 'ast_';
/** A word without digits that precedes an id of Invent is the title of an exported column, and no id. */
const isTitleOf = (line: string, next: string): boolean =>
  !line.startsWith(PREFIX) && next.startsWith(PREFIX) && /^[\p{L}_.-]+$/u.test(line);

const NOT_A_TABLE = 'the format is one assistant id per line, without a header and without other columns';

const complaintAbout = (line: string): string | undefined =>
  separator.test(line) ? `has several columns (${NOT_A_TABLE})` : complaintAboutId(line);

/**
 * The ids of a file, one per line, in batches of at most `batchBytes` bytes on the wire. The path `-` is
 * standard input. Accepts Windows line ends, a BOM, blank lines, and plain spaces around ids.
 * Throws for a file without ids, and at its end for invalid lines: the error names the first few, and no
 * batch follows the first of them. A header is invalid too, although it may have the form of an id.
 */
export async function* readIds(
  path: string,
  { batchBytes, stdin = process.stdin }: { batchBytes: number; stdin?: AsyncIterable<Uint8Array> },
): AsyncGenerator<string[]> {
  const name = path === '-' ? 'standard input' : path;
  const bad = { named: [] as string[], count: 0 };
  let batch: string[] = [];
  let bytes = 0;
  let lineNumber = 0;
  let found = 0;
  let first: { line: string; lineNumber: number } | undefined;
  const header = ({ lineNumber: at }: { lineNumber: number }) =>
    wrong(
      `${name} has a header: line ${at} is the title of a column, not an id. ` +
        `Remove it: ${NOT_A_TABLE}. Nothing was created.`,
    );
  for await (const lines of linesOf(path === '-' ? stdin : createReadStream(path), name)) {
    for (const line of lines) {
      lineNumber += 1;
      // Only plain spaces: a no-break or zero-width space around an id is a mistake, and is reported.
      const id = line.replace(/^[ \t]+|[ \t\r]+$/g, '');
      if (id === '') continue;
      found += 1;
      if (found === 1) {
        first = { line: id, lineNumber };
        if (isColumnName(id)) throw header(first);
      }
      if (found === 2 && isTitleOf(first!.line, id)) throw header(first!);
      const complaint = complaintAbout(id);
      if (complaint !== undefined) {
        bad.count += 1;
        if (bad.named.length < MAX_NAMED_LINES) bad.named.push(`line ${lineNumber} ${complaint}`);
        continue;
      }
      if (bad.count > 0) continue;
      // The tag and length of a string in a message take at most three bytes.
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
  if (bad.count > 0) {
    const more = bad.count - bad.named.length;
    throw wrong(
      `${name} has invalid ids: ${bad.named.join('; ')}${more > 0 ? `; and ${more} more` : ''}. ` +
        'Nothing was created.',
    );
  }
  if (found === 0) throw wrong(`${name} holds no ids. The format is one assistant id per line.`);
  yield batch;
}

/** How many bytes of ids one read of a file returns. */
const BATCH_BYTES = 48 * 1024;

/** The ids of a file, one by one. Throws as readIds does. */
export async function* idsOf(path: string): AsyncGenerator<string> {
  for await (const batch of readIds(path, { batchBytes: BATCH_BYTES })) yield* batch;
}

/** The lines of a text, as many at once as each chunk holds. */
async function* linesOf(source: AsyncIterable<Uint8Array>, name: string): AsyncGenerator<string[]> {
  // Also removes a BOM.
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
    if (rest.length > MAX_LINE_CHARACTERS)
      throw wrong(
        `${name} is not a list of ids: a line has more than ${MAX_LINE_CHARACTERS} characters. ` +
          'The format is one assistant id per line.',
      );
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
