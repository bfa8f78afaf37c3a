import { createReadStream } from 'node:fs';
import { complaintAboutId } from '@rekey/schema';
import { CliError } from '../failure.ts';

/** So many lines are named of those that are not valid. */
const MAX_NAMED_LINES = 5;
/** No id is longer than 256 bytes: what comes without a line break for so long is no list of ids. */
const MAX_LINE_CHARACTERS = 100_000;

const wrong = (message: string): CliError => new CliError(message, 'INVALID_ARGUMENT');

/** What separates the columns of a table. None of them occurs in an id of Invent's. */
const separator = /[,;|\t"]/;
/** Names of columns, without case, separators and plural. Each would pass as an id. */
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

/** What Invent's ids begin with. */
const PREFIX = 'ast_';
/**
 * A word without a digit, in a list whose next line is an id of Invent's, is no id: the title of an export.
 */
const isTitleOf = (line: string, next: string): boolean =>
  !line.startsWith(PREFIX) && next.startsWith(PREFIX) && /^[\p{L}_.-]+$/u.test(line);

const NOT_A_TABLE = 'it takes one assistant id a line, without a header and without other columns';

const complaintAbout = (line: string): string | undefined =>
  separator.test(line) ? `has several columns (${NOT_A_TABLE})` : complaintAboutId(line);

/**
 * The ids of a file, one a line, in batches of at most `batchBytes` bytes on the wire. `-` is standard input.
 * Takes Windows line ends, a BOM, blank lines, and plain spaces around ids. Throws for a file without ids,
 * and, when it has been read to its end, for lines that are not valid: it names the first few, and no batch
 * comes after the first of them. A header is not valid either, although its words may have the form of an id.
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
      `${name} has a header: line ${at} is the title of a column, not an id. Take it away: ${NOT_A_TABLE}. Nothing was created.`,
    );
  for await (const lines of linesOf(path === '-' ? stdin : createReadStream(path), name)) {
    for (const line of lines) {
      lineNumber += 1;
      // Only what people see and mean: a no-break or zero-width space around an id is a mistake, and is
      // reported.
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
  if (bad.count > 0)
    throw wrong(
      `${name} holds what is not an id: ${bad.named.join('; ')}${bad.count > bad.named.length ? `; and ${bad.count - bad.named.length} more` : ''}. Nothing was created.`,
    );
  if (found === 0) throw wrong(`${name} holds no ids. It takes one assistant id a line.`);
  yield batch;
}

/** The ids that are read from a file in one go, in bytes. */
const BATCH_BYTES = 48 * 1024;

/** The ids of a file, one by one, as readIds gives them. */
export async function* idsOf(path: string): AsyncGenerator<string> {
  for await (const batch of readIds(path, { batchBytes: BATCH_BYTES })) yield* batch;
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
    if (rest.length > MAX_LINE_CHARACTERS)
      throw wrong(
        `${name} is not a list of ids: it has a line of more than ${MAX_LINE_CHARACTERS} characters. It takes one assistant id a line.`,
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
