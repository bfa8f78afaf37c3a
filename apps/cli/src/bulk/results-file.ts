import { constants } from 'node:fs';
import { access, open, rename, rm } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';
import type { BulkItem } from '@rekey/client';
import { itemJson } from './bulk-columns.ts';
import { CliError } from '../failure.ts';

/** Quotes fields that contain special characters of CSV (RFC 4180). */
const csvField = (field: string): string =>
  /[",\r\n]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field;
const csvLine = (fields: string[]): string => `${fields.map(csvField).join(',')}\r\n`;

const formats: Readonly<Record<string, { head: string; line(item: BulkItem): string }>> = {
  '.csv': {
    head: csvLine(['assistant_id', 'state', 'reason', 'message']),
    line: ({ assistantId, state, error }) =>
      csvLine([assistantId, String(state), error?.reason ?? '', error?.message ?? '']),
  },
  '.jsonl': { head: '', line: (item) => `${JSON.stringify(itemJson(item))}\n` },
};

const formatOf = (path: string) => formats[extname(path).toLowerCase()];

/** Throws unless the file can be written. Called before the command sends its request. */
export const checkResultsFile = async (path: string): Promise<void> => {
  if (!formatOf(path))
    throw new CliError(
      `--results-file ${path}: the name must end with .csv or .jsonl, which sets the format.`,
      'INVALID_ARGUMENT',
    );
  await access(dirname(path), constants.W_OK).catch((error: NodeJS.ErrnoException) => {
    throw new CliError(
      `--results-file ${path}: its folder cannot be written to (${error.code}).`,
      'INVALID_ARGUMENT',
    );
  });
};

/**
 * Writes all assistants to a temporary file, and renames it when it is complete: a file of that name is never
 * incomplete. Returns the number of assistants.
 */
export const writeResultsFile = async (path: string, items: AsyncIterable<BulkItem>): Promise<number> => {
  const format = formatOf(path)!;
  const temporary = join(dirname(path), `.${basename(path)}.${process.pid}.tmp`);
  const file = await open(temporary, 'w');
  let count = 0;
  try {
    const text = async function* () {
      let waiting = format.head;
      for await (const item of items) {
        count += 1;
        waiting += format.line(item);
        if (waiting.length < 65_536) continue;
        yield waiting;
        waiting = '';
      }
      yield waiting;
    };
    await file.writeFile(text());
    await file.sync();
    await file.close();
    await rename(temporary, path);
  } catch (error) {
    await file.close().catch(() => {});
    await rm(temporary, { force: true });
    throw error;
  }
  return count;
};
