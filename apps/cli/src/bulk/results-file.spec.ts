import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { BulkItem } from '@rekey/client';
import { checkResultsFile, writeResultsFile } from './results-file.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rekey-results-'));
});
afterEach(() => rm(folder, { recursive: true }));

const items: BulkItem[] = [
  {
    assistantId: 'ast_1',
    state: 'SUCCEEDED',
    version: 7,
    rotationId: 'rot_1',
    publishTime: new Date(500),
  },
  {
    assistantId: 'a,"b"',
    state: 'FAILED',
    error: { reason: 'ASSISTANT_DELETED', message: 'It is gone, they say.', advice: 'Leave it out.' },
  },
];
const bulk = {
  id: 'blk_1',
  orgId: 'org_1',
  reason: 'quarterly',
  requestedBy: 'token:nightly',
  createTime: new Date(0),
  endTime: new Date(1000),
};
const OF_BULK = 'blk_1,org_1,token:nightly,quarterly,1970-01-01T00:00:00.000Z,1970-01-01T00:00:01.000Z\r\n';
const ofBulk = {
  bulk_rotation_id: 'blk_1',
  org_id: 'org_1',
  requested_by: 'token:nightly',
  bulk_reason: 'quarterly',
  request_time: '1970-01-01T00:00:00.000Z',
  end_time: '1970-01-01T00:00:01.000Z',
};
const given = async function* () {
  yield* items;
};

describe('writeResultsFile', () => {
  it('writes CSV by RFC 4180', async () => {
    const path = join(folder, 'r.csv');
    expect(await writeResultsFile(path, bulk, given())).toBe(2);
    expect(await readFile(path, 'utf8')).toBe(
      'assistant_id,state,reason,message,version,rotation_id,publish_time,bulk_rotation_id,org_id,' +
        'requested_by,bulk_reason,request_time,end_time\r\n' +
        `ast_1,SUCCEEDED,,,7,rot_1,1970-01-01T00:00:00.500Z,${OF_BULK}` +
        `"a,""b""",FAILED,ASSISTANT_DELETED,"It is gone, they say.",,,,${OF_BULK}`,
    );
  });

  it('writes one JSON object per line, with the names of the contract', async () => {
    const path = join(folder, 'R.JSONL');
    await writeResultsFile(path, bulk, given());
    expect(
      (await readFile(path, 'utf8'))
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toEqual([
      {
        assistant_id: 'ast_1',
        state: 'SUCCEEDED',
        version: 7,
        rotation_id: 'rot_1',
        publish_time: '1970-01-01T00:00:00.500Z',
        ...ofBulk,
      },
      { assistant_id: 'a,"b"', state: 'FAILED', error: items[1]!.error, ...ofBulk },
    ]);
  });

  it('keeps an existing file until the new one is complete, and leaves no partial file', async () => {
    const path = join(folder, 'r.csv');
    await writeFile(path, 'old');
    const broken = async function* () {
      for (let i = 0; i < 10_000; i += 1) yield items[1]!;
      throw new Error('the gateway went away');
    };
    await expect(writeResultsFile(path, bulk, broken())).rejects.toThrow('the gateway went away');
    expect(await readFile(path, 'utf8')).toBe('old');
    expect(await readdir(folder)).toEqual(['r.csv']);
  });

  it('writes 100,000 assistants', async () => {
    const path = join(folder, 'r.csv');
    const many = async function* () {
      for (let i = 0; i < 100_000; i += 1) yield { assistantId: `ast_${i}`, state: 'SHARED' as const };
    };
    expect(await writeResultsFile(path, bulk, many())).toBe(100_000);
    expect((await readFile(path, 'utf8')).split('\r\n').slice(-2)).toEqual([
      `ast_99999,SHARED,,,,,,${OF_BULK.trimEnd()}`,
      '',
    ]);
  });
});

describe('checkResultsFile', () => {
  it('refuses a file that cannot be written, before the command does anything', async () => {
    await mkdir(join(folder, 'there'));
    await checkResultsFile(join(folder, 'there', 'r.csv'));
    await expect(checkResultsFile(join(folder, 'r.txt'))).rejects.toThrow(/\.csv or \.jsonl/);
    await expect(checkResultsFile(join(folder, 'none', 'r.csv'))).rejects.toThrow(
      /cannot be written to \(ENOENT\)/,
    );
  });
});
