import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { age, bulkRequest, bulkSpec, count, failureLimit, moment, type BulkWish } from './bulk-request.ts';

const wish = (more: Partial<BulkWish>): BulkWish => ({ org: 'org_1', reason: '', ...more });
const T0_MS = 1_700_000_000_250;

describe('the values of options', () => {
  it.each([
    ['0', { count: 0 }],
    ['10', { count: 10 }],
    ['1%', { percent: 1 }],
    ['0.5%', { percent: 0.5 }],
    ['100%', { percent: 100 }],
  ])('--max-failures %s', (text, limit) => {
    expect(failureLimit(text)).toEqual(limit);
  });
  it.each(['', '-1', '1.5', '101%', 'x', '%', '99999999999'])('--max-failures refuses %j', (text) => {
    expect(() => failureLimit(text)).toThrow(/must be a number/);
  });
  it.each([
    ['90d', 90 * 86_400_000],
    ['12h', 43_200_000],
    ['30m', 1_800_000],
  ])('--older-than %s', (text, ms) => {
    expect(age(text)).toBe(ms);
  });
  it.each(['', '90', 'd', '1.5d', '-1d', '1w'])('--older-than refuses %j', (text) => {
    expect(() => age(text)).toThrow(/90d/);
  });
  it('--rotated-before accepts only a time', () => {
    expect(moment('2026-01-31T12:00:00Z').toISOString()).toBe('2026-01-31T12:00:00.000Z');
    expect(() => moment('yesterday')).toThrow(/must be a time/);
    expect(() => moment('5')).toThrow(/must be a time/);
    expect(() => moment('2026-02-31')).toThrow(/must be a time/);
  });
  it.each(['0', '-1', 'x', '1.5', ''])('--canary refuses %j', (text) => {
    expect(() => count(text)).toThrow(/1 or more/);
  });
});

describe('bulkSpec', () => {
  it('converts an age to a time', () => {
    expect(bulkSpec(wish({ olderThan: 1000 }), 'r', T0_MS)).toMatchObject({
      allAssistants: true,
      rotatedBefore: new Date(1_699_999_999_250),
    });
  });

  it('leaves out options that are not given, so that the defaults of the contract apply', () => {
    expect(bulkSpec(wish({ all: true }), 'r', T0_MS)).toEqual({
      orgId: 'org_1',
      requestId: 'r',
      reason: '',
      allAssistants: true,
      search: '',
      urgent: false,
      validateOnly: false,
    });
    expect(bulkSpec(wish({ idsFile: 'f' }), 'r', T0_MS).allAssistants).toBe(false);
  });

  it('maps all options', () => {
    expect(
      bulkSpec(
        wish({
          search: 's',
          canary: 3,
          canaryContinues: true,
          maxFailures: { count: 0 },
          dryRun: true,
          urgent: true,
        }),
        'r',
        T0_MS,
      ),
    ).toMatchObject({
      search: 's',
      canary: { count: 3, continues: true },
      maxFailures: { count: 0 },
      validateOnly: true,
      urgent: true,
    });
  });

  it.each<[Partial<BulkWish>, RegExp]>([
    [{}, /Which assistants/],
    [{ excludeFile: 'f' }, /Which assistants/],
    [{ idsFile: 'f', all: true, excludeFile: 'g' }, /--ids-file .* together with --all, --exclude-file/],
    [{ idsFile: 'f', search: 's' }, /--search/],
    [{ search: '' }, /--search is empty.*--all/],
    [{ all: true, search: ' \u00a0' }, /--search is empty.*--all/],
    [{ olderThan: 1, rotatedBefore: new Date(0) }, /one of them/],
    [{ all: true, canaryContinues: true }, /needs --canary/],
    [{ all: true, timeout: 5 }, /--timeout needs --watch, --dry-run or --results-file/],
  ])('refuses contradictory options: %j', (more, words) => {
    expect(() => bulkSpec(wish(more), 'r', T0_MS)).toThrow(words);
  });

  it.each<Partial<BulkWish>>([{ watch: true }, { dryRun: true }, { resultsFile: 'r.csv' }])(
    'accepts --timeout if the command follows the bulk rotation: %j',
    (more) => {
      expect(bulkSpec(wish({ all: true, timeout: 5, ...more }), 'r', T0_MS)).toMatchObject({
        allAssistants: true,
      });
    },
  );
});

describe('bulkRequest', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'rekey-bulk-'));
  });
  afterAll(() => rm(folder, { recursive: true }));
  const collect = async (ids: unknown) => {
    const all: string[] = [];
    for await (const id of ids as AsyncIterable<string>) all.push(id);
    return all;
  };

  it('has no ids if no file is given', () => {
    expect(bulkRequest({ orgId: 'o' }, wish({ all: true }))).toEqual({ orgId: 'o' });
  });

  it('has every id of the file, in order, beside the rest of the request', async () => {
    const path = join(folder, 'ids');
    const ids = Array.from({ length: 10_000 }, (_, i) => `ast_${i}`);
    await writeFile(path, ids.join('\n'));
    const { assistantIds, ...rest } = bulkRequest({ orgId: 'o' }, wish({ idsFile: path }));
    expect(rest).toEqual({ orgId: 'o' });
    expect(await collect(assistantIds)).toEqual(ids);
  });

  it('excludes the ids of --exclude-file', async () => {
    const path = join(folder, 'not');
    await writeFile(path, 'a\nb\n');
    const { excludeAssistantIds, ...rest } = bulkRequest(
      { orgId: 'o', allAssistants: true },
      wish({ all: true, excludeFile: path }),
    );
    expect(rest).toEqual({ orgId: 'o', allAssistants: true });
    expect(await collect(excludeAssistantIds)).toEqual(['a', 'b']);
  });
});
