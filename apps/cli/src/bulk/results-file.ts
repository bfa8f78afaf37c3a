import { constants } from 'node:fs';
import { access, open, rename, rm } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';
import type { BulkItem, BulkRotation } from '@rekey/client';
import { jsonLine } from '../output/escape.ts';
import { itemJson } from './bulk-columns.ts';
import { CliError } from '../failure.ts';
import { withoutEmpty } from '../output/output.ts';

/** Quotes fields that contain special characters of CSV (RFC 4180). */
const csvField = (field: string): string =>
  /[",\r\n]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field;
const csvLine = (fields: string[]): string => `${fields.map(csvField).join(',')}\r\n`;

/** What an auditor needs of the bulk rotation beside each assistant. */
export type ResultsOf = Pick<
  BulkRotation,
  'id' | 'orgId' | 'reason' | 'requestedBy' | 'createTime' | 'endTime'
>;

const ofBulk = (bulk: ResultsOf) => ({
  bulk_rotation_id: bulk.id,
  org_id: bulk.orgId,
  requested_by: bulk.requestedBy ?? '',
  bulk_reason: bulk.reason,
  request_time: bulk.createTime.toISOString(),
  end_time: bulk.endTime?.toISOString() ?? '',
});

/** The columns of a CSV file. Further ones are added at the end. */
const csvFields = (item: BulkItem, bulk: ResultsOf): Record<string, string> => ({
  assistant_id: item.assistantId,
  state: String(item.state),
  reason: item.error?.reason ?? '',
  message: item.error?.message ?? '',
  version: item.version === undefined ? '' : String(item.version),
  rotation_id: item.rotationId ?? '',
  publish_time: item.publishTime?.toISOString() ?? '',
  ...ofBulk(bulk),
});

const CSV_HEAD =
  'assistant_id,state,reason,message,version,rotation_id,publish_time,' +
  'bulk_rotation_id,org_id,requested_by,bulk_reason,request_time,end_time\r\n';

const formats: Readonly<Record<string, { head: string; line(item: BulkItem, bulk: ResultsOf): string }>> = {
  '.csv': { head: CSV_HEAD, line: (item, bulk) => csvLine(Object.values(csvFields(item, bulk))) },
  '.jsonl': {
    head: '',
    line: (item, bulk) => `${jsonLine({ ...itemJson(item), ...withoutEmpty(ofBulk(bulk)) })}\n`,
  },
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
export const writeResultsFile = async (
  path: string,
  bulk: ResultsOf,
  items: AsyncIterable<BulkItem>,
): Promise<number> => {
  const format = formatOf(path)!;
  const temporary = join(dirname(path), `.${basename(path)}.${process.pid}.tmp`);
  const file = await open(temporary, 'w');
  let count = 0;
  try {
    const text = async function* () {
      let waiting = format.head;
      for await (const item of items) {
        count += 1;
        waiting += format.line(item, bulk);
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
