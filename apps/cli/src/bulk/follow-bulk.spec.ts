import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { RekeyClient } from '@rekey/client';
import { itemsOf, writeResults } from './follow-bulk.ts';

/** Two pages of two assistants. */
let pages: number;
const client: Pick<RekeyClient, 'bulkItems'> = {
  bulkItems: async function* () {
    for (const ids of [
      ['a', 'b'],
      ['c', 'd'],
    ]) {
      pages += 1;
      for (const assistantId of ids) yield { assistantId, state: 'SUCCEEDED' };
    }
  },
};
const collect = async (limit?: number) => {
  const ids: string[] = [];
  for await (const { assistantId } of itemsOf(client, 'blk_1', limit === undefined ? {} : { limit }))
    ids.push(assistantId);
  return ids;
};

let folder: string;
beforeEach(async () => {
  pages = 0;
  folder = await mkdtemp(join(tmpdir(), 'rekey-follow-bulk-'));
});
afterEach(() => rm(folder, { recursive: true }));

describe('the assistants of a bulk rotation', () => {
  it('are listed completely, or up to the limit', async () => {
    expect(await collect()).toEqual(['a', 'b', 'c', 'd']);
    expect(await collect(3)).toEqual(['a', 'b', 'c']);
  });

  it('are not requested beyond the limit', async () => {
    expect(await collect(2)).toEqual(['a', 'b']);
    expect(pages).toBe(1);
  });

  it('are written to a file up to the limit', async () => {
    const resultsFile = join(folder, 'r.csv');
    const bulk = { id: 'blk_1', orgId: 'org_1', reason: '', createTime: new Date(0) };
    await writeResults(client, bulk, { resultsFile }, { limit: 3 });
    expect((await readFile(resultsFile, 'utf8')).trim().split('\r\n')).toHaveLength(4);
  });
});
