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
  { assistantId: 'ast_1', state: 'SUCCEEDED' },
  {
    assistantId: 'a,"b"',
    state: 'FAILED',
    error: { reason: 'ASSISTANT_DELETED', message: 'It is gone, they say.', advice: 'Leave it out.' },
  },
];
const given = async function* () {
  yield* items;
};

describe('writeResultsFile', () => {
  it('writes CSV by RFC 4180', async () => {
    const path = join(folder, 'r.csv');
    expect(await writeResultsFile(path, given())).toBe(2);
    expect(await readFile(path, 'utf8')).toBe(
      'assistant_id,state,reason,message\r\nast_1,SUCCEEDED,,\r\n' +
        '"a,""b""",FAILED,ASSISTANT_DELETED,"It is gone, they say."\r\n',
    );
  });

  it('writes one JSON object per line, with the names of the contract', async () => {
    const path = join(folder, 'R.JSONL');
    await writeResultsFile(path, given());
    expect(
      (await readFile(path, 'utf8'))
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toEqual([
      { assistant_id: 'ast_1', state: 'SUCCEEDED' },
      { assistant_id: 'a,"b"', state: 'FAILED', error: items[1]!.error },
    ]);
  });

  it('keeps an existing file until the new one is complete, and leaves no partial file', async () => {
    const path = join(folder, 'r.csv');
    await writeFile(path, 'old');
    const broken = async function* () {
      for (let i = 0; i < 10_000; i += 1) yield items[1]!;
      throw new Error('the gateway went away');
    };
    await expect(writeResultsFile(path, broken())).rejects.toThrow('the gateway went away');
    expect(await readFile(path, 'utf8')).toBe('old');
    expect(await readdir(folder)).toEqual(['r.csv']);
  });

  it('writes 100,000 assistants', async () => {
    const path = join(folder, 'r.csv');
    const many = async function* () {
      for (let i = 0; i < 100_000; i += 1) yield { assistantId: `ast_${i}`, state: 'SHARED' as const };
    };
    expect(await writeResultsFile(path, many())).toBe(100_000);
    expect((await readFile(path, 'utf8')).split('\r\n').slice(-2)).toEqual(['ast_99999,SHARED,,', '']);
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
