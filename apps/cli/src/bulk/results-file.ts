import { constants } from 'node:fs';
import { access, open, rename, rm } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';
import type { BulkItem } from '@rekey/client';
import { itemJson } from './bulk-output.ts';
import { CliError } from '../failure.ts';

/** Fields with what has a meaning in CSV come in quotes (RFC 4180). */
const csvLine = (fields: string[]): string =>
  `${fields.map((field) => (/[",\r\n]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field)).join(',')}\r\n`;

const formats: Readonly<Record<string, { head: string; line(item: BulkItem): string }>> = {
  '.csv': {
    head: csvLine(['assistant_id', 'state', 'reason', 'message']),
    line: ({ assistantId, state, error }) =>
      csvLine([assistantId, String(state), error?.reason ?? '', error?.message ?? '']),
  },
  '.jsonl': { head: '', line: (item) => `${JSON.stringify(itemJson(item))}\n` },
};

const formatOf = (path: string) => formats[extname(path).toLowerCase()];

/** Finds out before anything is asked for whether a file can be written there at the end. */
export const checkResultsFile = async (path: string): Promise<void> => {
  if (!formatOf(path))
    throw new CliError(
      `--results-file ${path}: its name must end with .csv or .jsonl, which says what is written.`,
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
 * Writes every assistant to a file, as they come, and gives it its name when it is whole; so a file of that
 * name is never half of one.
 * Returns how many they were.
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
