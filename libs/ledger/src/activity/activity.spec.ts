import { beforeEach, describe, expect, it } from '@jest/globals';
import { useRedis } from '@rekey/testing/redis-fixture';
import { Redis } from 'ioredis';
import { openLedger } from '../open-ledger.ts';
import type { Activity } from './activity.ts';
import type { ActivityEntry } from './activity-entry.ts';

const STREAM = '{spec}:activity';
let redis: Redis;
let activity: Activity;
useRedis((url) => (redis = new Redis(url)));
beforeEach(async () => {
  ({ activity } = openLedger(redis, { prefix: 'spec' }));
});

const RECORD = { type: 'freeze.set', by: 'local' };
const flat = (fields: object): string[] =>
  Object.entries(fields).flatMap(([name, value]) => [name, `${value}`]);
const add = (id: string, fields: object = RECORD) => redis.xadd(STREAM, id, ...flat(fields));
/** Records 1-0 to COUNT-0. */
const addMany = async (count: number, from = 1): Promise<void> => {
  const pipeline = redis.pipeline();
  for (let i = from; i < from + count; i += 1)
    pipeline.xadd(STREAM, `${i}-0`, ...flat({ ...RECORD, reason: `${i}` }));
  await pipeline.exec();
};

type Options = Partial<Parameters<Activity['list']>[0]>;
const list = (options: Options = {}) =>
  activity.list({ size: 10, newestFirst: true, matches: () => true, ...options });
const positions = (entries: ActivityEntry[]) => entries.map(({ position }) => Number(position.split('-')[0]));
/** Every page, and how many there were. */
const walk = async (options: Options) => {
  const found: ActivityEntry[] = [];
  let [after, pages, unreadable]: [string | undefined, number, number] = [undefined, 0, 0];
  do {
    const page = await list({ ...options, ...(after !== undefined && { after }) });
    found.push(...page.entries);
    unreadable += page.unreadable;
    after = page.next;
    pages += 1;
  } while (after !== undefined);
  return { found, pages, unreadable };
};

describe('a list of activity', () => {
  it('is empty if nothing was recorded', async () => {
    expect(await list()).toEqual({ entries: [], unreadable: 0 });
  });

  it('has what was appended, with its time', async () => {
    const record = { ...RECORD, org: 'org_1', count: 3 };
    await activity.append(record);
    const { entries } = await list();
    expect(entries).toEqual([
      { record, others: [], position: expect.stringMatching(/^\d+-0$/), timeMs: expect.any(Number) },
    ]);
    expect(Math.abs(entries[0]!.timeMs - Date.now())).toBeLessThan(60_000);
  });

  it('goes through all pages in either direction, each record once', async () => {
    await addMany(345);
    const all = Array.from({ length: 345 }, (_, i) => i + 1);
    const { found, pages } = await walk({ size: 50 });
    expect(positions(found)).toEqual(all.toReversed());
    expect(pages).toBeLessThanOrEqual(8);
    expect(positions((await walk({ size: 50, newestFirst: false })).found)).toEqual(all);
  });

  it('keeps its place while records are added', async () => {
    await addMany(30);
    const { next } = await list();
    await addMany(20, 31);
    expect(positions((await list({ after: next! })).entries)).toEqual([
      20, 19, 18, 17, 16, 15, 14, 13, 12, 11,
    ]);
  });

  it('has the records of a time range', async () => {
    await addMany(20);
    await add('20-5');
    for (const newestFirst of [true, false]) {
      const { found } = await walk({ size: 4, fromMs: 11, beforeMs: 15, newestFirst });
      expect(positions(found).toSorted((a, b) => a - b)).toEqual([11, 12, 13, 14]);
    }
    expect(positions((await list({ fromMs: 20 })).entries)).toEqual([20, 20]);
    expect((await list({ fromMs: 21 })).entries).toEqual([]);
    for (const newestFirst of [true, false])
      expect((await list({ beforeMs: 0, newestFirst })).entries).toEqual([]);
  });

  it('looks at a bounded number of entries a page, and continues after them', async () => {
    await addMany(4500);
    const matches = ({ record }: ActivityEntry) => record.reason === '7';
    const first = await list({ matches });
    expect(first.entries).toEqual([]);
    expect(Number(first.next!.split('-')[0])).toBeGreaterThan(2000);
    const { found, pages } = await walk({ matches });
    expect(positions(found)).toEqual([7]);
    expect(pages).toBeLessThanOrEqual(4);
  });

  it('has pages of a bounded length', async () => {
    for (let i = 1; i <= 100; i += 1)
      await add(`${i}-0`, { ...RECORD, reason: 'x'.repeat(4096), also: 'y'.repeat(4096) });
    const page = await list({ size: 500 });
    expect(JSON.stringify(page.entries).length).toBeLessThan(1_300_000);
    expect((await walk({ size: 500 })).found).toHaveLength(100);
  });

  it('shows types and fields of later versions', async () => {
    await add('1-0', {
      ...RECORD,
      type: 'moon.phase_changed',
      colour: 'red',
      __proto__x: '1',
      constructor: '2',
    });
    expect((await list()).entries).toEqual([
      {
        position: '1-0',
        timeMs: 1,
        record: { type: 'moon.phase_changed', by: 'local' },
        others: [
          ['colour', 'red'],
          ['__proto__x', '1'],
          ['constructor', '2'],
        ],
      },
    ]);
  });

  it('is of no other prototype for a field __proto__', async () => {
    await redis.xadd(STREAM, '1-0', 'type', 'freeze.set', 'by', 'local', '__proto__', 'x');
    const { entries } = await list();
    expect(Object.getPrototypeOf(entries[0]!.record)).toBe(Object.prototype);
    expect(entries[0]!.others).toEqual([['__proto__', 'x']]);
  });

  it.each<[string, string[]]>([
    ['without a type', ['by', 'local']],
    ['without a principal', ['type', 'freeze.set']],
    ['with a type that is no name', ['type', 'Freeze set\n', 'by', 'local']],
    ['with a field twice', ['type', 'freeze.set', 'by', 'local', 'by', 'token:other']],
    ['with a count that is no number', ['type', 'freeze.set', 'by', 'local', 'count', 'many']],
    ['with a trace that is none', ['type', 'freeze.set', 'by', 'local', 'trace', '\u001b[2J']],
    ['that is too long', ['type', 'freeze.set', 'by', 'local', 'x', 'y'.repeat(40_000)]],
    [
      'with too many fields',
      [
        'type',
        'freeze.set',
        'by',
        'local',
        ...flat(Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`f${i}`, '1']))),
      ],
    ],
    ['of an event', ['event', '{}']],
  ])('passes over and counts an entry %s', async (_what, texts) => {
    await add('1-0');
    await redis.xadd(STREAM, '2-0', ...texts);
    await add('3-0');
    const page = await list();
    expect(positions(page.entries)).toEqual([3, 1]);
    expect(page.unreadable).toBe(1);
  });

  it('passes over an entry of 100 MB', async () => {
    await add('1-0');
    await redis.xadd(STREAM, '2-0', 'type', 'freeze.set', 'by', 'x'.repeat(100_000_000));
    await add('3-0');
    for (const newestFirst of [true, false]) {
      const page = await list({ newestFirst });
      expect(positions(page.entries).toSorted()).toEqual([1, 3]);
      expect(page.unreadable).toBe(1);
    }
  });

  it('passes over long entries that it has seen before, each once, in both directions', async () => {
    for (let i = 1; i <= 12; i += 1)
      await add(`${i}-0`, i % 4 === 0 ? { ...RECORD, reason: 'x'.repeat(1_000_000) } : RECORD);
    for (let again = 0; again < 3; again += 1)
      for (const newestFirst of [true, false])
        for (const size of [1, 2, 50]) {
          const { found, unreadable } = await walk({ size, newestFirst });
          expect([positions(found).toSorted((a, b) => a - b), unreadable]).toEqual([
            [1, 2, 3, 5, 6, 7, 9, 10, 11],
            3,
          ]);
        }
    const { unreadable } = await walk({ fromMs: 4, beforeMs: 8 });
    expect(unreadable).toBe(1);
  });

  it('counts each unreadable entry once over all pages', async () => {
    for (let i = 1; i <= 60; i += 1)
      await (i % 3 === 0 ? redis.xadd(STREAM, `${i}-0`, 'a', 'b') : add(`${i}-0`));
    const { found, unreadable } = await walk({ size: 7 });
    expect([found.length, unreadable]).toEqual([40, 20]);
  });

  it('is refused if the key is no stream', async () => {
    await redis.set(STREAM, 'x');
    await expect(list()).rejects.toMatchObject({ code: 'LEDGER_CORRUPT' });
  });
});
