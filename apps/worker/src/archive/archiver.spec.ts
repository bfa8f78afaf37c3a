import { setTimeout as sleep } from 'node:timers/promises';
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import * as nodeFiles from 'node:fs/promises';
import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { verifyArchive, type Control, type FileSystem } from '@rekey/archive';
import { openLedger, type Ledger } from '@rekey/ledger';
import { createRecordingLogger } from '@rekey/runtime';
import { createArchiveReportReader, signArchiveReport } from '@rekey/sealing';
import { useRedis } from '@rekey/testing/redis-fixture';
import { Redis } from 'ioredis';
import { Archiver, type ArchiverOptions } from './archiver.ts';

const pair = generateKeyPairSync('ed25519');
const publicJwk = { ...pair.publicKey.export({ format: 'jwk' }), kid: 'rekey' };
const signer = { kid: 'rekey', privateKey: pair.privateKey };
const verifier = { kid: 'rekey', publicKey: createPublicKey({ key: publicJwk as never, format: 'jwk' }) };
const readReport = createArchiveReportReader(publicJwk);

let redis: Redis;
let ledger: Ledger;
let root: string;
let path: string;
let made: { archiver: Archiver; logged: string[] }[] = [];
useRedis((url) => {
  redis = new Redis(url);
  return redis;
});
beforeEach(async () => {
  ledger = openLedger(redis, { prefix: 'spec' });
  root = await mkdtemp(join(tmpdir(), 'rekey-archiver-'));
  path = join(root, 'archive');
  made = [];
});
afterEach(async () => {
  for (const { archiver } of made) await archiver.close();
  await rm(root, { recursive: true });
});

const archiverFor = (
  by: string,
  {
    files,
    ...more
  }: Partial<Omit<ArchiverOptions, 'files'>> & { files?: Partial<ArchiverOptions['files']> } = {},
) => {
  const { logger, logged } = createRecordingLogger();
  const options: ArchiverOptions = {
    feed: ledger.archive,
    files: {
      path,
      prefix: 'spec',
      signer,
      verifier,
      by,
      segmentBytes: 20_000,
      segmentMs: 3_600_000,
      ...files,
    },
    ledgerId: () => 'ledger_1',
    readReport,
    sign: (report) => signArchiveReport(report, signer),
    keep: { events: () => 100, activity: () => 100 },
    maxBehind: 1000,
    by,
    token: by,
    logger,
    ...more,
  };
  const one = { archiver: new Archiver(options), events: () => logged.map(({ event }) => event) };
  made.push({ archiver: one.archiver, logged: [] });
  return one;
};

let seq = 0;
beforeEach(() => {
  seq = 0;
});
/** Adds events, by default with ids that rise from 1-1. */
const addEvents = async (count: number, id: (i: number) => string = (i) => `${i}-1`): Promise<void> => {
  const pipeline = redis.pipeline();
  for (let i = 0; i < count; i += 1) {
    seq += 1;
    const data = { seq, run: 1, version: seq, sealed: { ciphertext: 'secret' } };
    pipeline.xadd('{spec}:events', id(seq), 'event', JSON.stringify({ type: 'test', subject: 'ast', data }));
  }
  await pipeline.exec();
};

interface Found {
  events: number[];
  activity: string[];
  unreadable: object[];
  controls: Control[];
  text: string;
}
/** What the archive holds, after it was verified. */
const found = async (at = path): Promise<Found> => {
  const controls: Control[] = [];
  const report = await verifyArchive({
    path: at,
    verifiers: [verifier],
    onControl: (control) => void controls.push(control),
  });
  expect(report.breaks).toEqual([]);
  const names = (await readdir(at)).filter((name) => /^\d{10}\.jsonl$/.test(name)).toSorted();
  const texts = await Promise.all(names.map((name) => readFile(join(at, name), 'utf8')));
  const lines = texts.flatMap((text) => text.trimEnd().split('\n')).map((line) => JSON.parse(line));
  const entries = lines.filter(({ entry }) => entry);
  return {
    events: entries.filter(({ stream }) => stream === 'events').map(({ entry }) => entry.data.seq),
    activity: entries.filter(({ stream }) => stream === 'activity').map(({ position }) => position),
    unreadable: lines.filter(({ unreadable }) => unreadable).map(({ unreadable }) => unreadable),
    controls,
    text: texts.join(''),
  };
};
/** The archiver runs until it has nothing to do, and a few times more. */
const archiveAll = async (): Promise<string[]> => {
  const { archiver, events } = archiverFor('w1');
  for (let i = 0; i < 3; i += 1) await archiver.run();
  await archiver.close();
  return events();
};
const addNumbered = (position: string, number: number) =>
  redis.xadd('{spec}:events', position, 'event', JSON.stringify({ data: { seq: number, run: 1 } }));
const LAST_MS = '18446744073709551615';
const upTo = (last: number, from = 1) => Array.from({ length: last - from + 1 }, (_, i) => from + i);
const report = async () => readReport((await redis.get('{spec}:archive'))!)!;

describe('the worker that archives', () => {
  it('archives both streams, each entry once, without sealed records', async () => {
    await addEvents(2500);
    await redis.xadd('{spec}:activity', '5-0', 'type', 'freeze.set', 'by', 'local', '__proto__', 'x\ny');
    const first = archiverFor('w1');
    await first.archiver.run();
    await addEvents(10);
    await first.archiver.run();
    await first.archiver.close();
    const { events, activity, text, controls } = await found();
    expect(events).toEqual(upTo(2510));
    expect(activity).toEqual(['5-0']);
    expect(text).not.toContain('secret');
    expect(text).toContain('"entry":{"type":"freeze.set","by":"local","__proto__":"x\\ny"}');
    expect(controls).toEqual([]);
  });

  it('trims behind the archive, to what is kept', async () => {
    await addEvents(2500);
    const { archiver } = archiverFor('w1');
    await archiver.run();
    await ledger.archive.hold('w1', 15_000);
    expect(await ledger.archive.trim('events', { token: 'w1', through: '2000-1', keep: 100 })).toBe('behind');
    expect(await redis.xlen('{spec}:events')).toBe(2500);
    const trimmed = await ledger.archive.trim('events', { token: 'w1', through: '2490-1', keep: 100 });
    expect(trimmed).toBeGreaterThan(2000);
    expect(await redis.xlen('{spec}:events')).toBeGreaterThanOrEqual(100);
    expect(await ledger.archive.trim('events', { token: 'w2', through: '+', keep: 100 })).toBe('lost');
    await addEvents(5);
    await archiver.run();
    await archiver.close();
    expect(await found()).toMatchObject({ events: upTo(2505), controls: [] });
  });

  it('leaves the activity bounded, archived or not', async () => {
    const pipeline = redis.pipeline();
    for (let i = 0; i < 1000; i += 1) pipeline.xadd('{spec}:activity', '*', 'type', 'freeze.set');
    await pipeline.exec();
    await ledger.archive.boundActivity(300);
    expect(await redis.xlen('{spec}:activity')).toBeLessThan(500);
  });

  it('reports the streams as they are once it has trimmed them', async () => {
    await addEvents(2500);
    const { archiver } = archiverFor('w1');
    await archiver.run();
    let length = 2500;
    while (length === 2500) {
      await sleep(10);
      await archiver.run();
      length = await redis.xlen('{spec}:events');
    }
    expect((await report()).lengths).toEqual({ events: length, activity: 0 });
    await archiver.close();
  });

  it('reports signed what it has archived; another lock is respected', async () => {
    await addEvents(3);
    const { archiver } = archiverFor('w1');
    await archiver.run();
    const other = archiverFor('w2');
    await other.archiver.run();
    await archiver.close();
    expect(await report()).toMatchObject({
      ledger: 'ledger_1',
      by: 'w1',
      positions: { events: '3-1', activity: '0-0' },
      behind: { events: 0, activity: 0 },
      number: 1,
    });
    const forged = (await redis.get('{spec}:archive'))!.replace('3-1', '9-1');
    expect(readReport(forged)).toBeUndefined();
    await other.archiver.run();
    await addEvents(2);
    await other.archiver.run();
    await other.archiver.close();
    expect((await found()).events).toEqual(upTo(5));
  });
});

describe('entries of another writer', () => {
  it('with numbers that go back or are too far apart do not stop the archive', async () => {
    await addNumbered('1-1', 50);
    await archiveAll();
    await redis.del('{spec}:events');
    await addNumbered('2-1', 3);
    await addNumbered('3-1', -Number.MAX_SAFE_INTEGER);
    await addNumbered('4-1', Number.MAX_SAFE_INTEGER);
    expect(await archiveAll()).toContain('archive_gap');
    const { events, controls } = await found();
    expect(events).toEqual([50, 3, -Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER]);
    expect(controls).toMatchObject([{ control: 'gap', after: '1-1', before: '2-1', missing: null }]);
  });

  it('with the last possible position are archived, and so is the stream that replaces theirs', async () => {
    await addEvents(1);
    await redis.xadd('{spec}:activity', '5-1', 'type', 'a');
    await redis.xadd('{spec}:activity', `${LAST_MS}-${LAST_MS}`, 'type', 'b');
    const { archiver } = archiverFor('w1');
    await archiver.run();
    await redis.del('{spec}:activity');
    await redis.xadd('{spec}:activity', '6-1', 'type', 'c');
    await archiver.run();
    await archiver.close();
    const { activity, controls } = await found();
    expect(activity).toEqual(['5-1', `${LAST_MS}-${LAST_MS}`, '6-1']);
    expect(controls).toMatchObject([{ control: 'history', lost_through: `${LAST_MS}-${LAST_MS}` }]);
  });

  it.each([
    ['too long for the archive', '9-1', 300_000],
    ['too long, with the last position but one', `${LAST_MS}-1`, 300_000],
    ['too long to be read', `${LAST_MS}-1`, 33 * 1024 * 1024],
  ])('%s do not hide that the stream was replaced', async (_what, position, length) => {
    await redis.xadd('{spec}:activity', position, 'type', 'x'.repeat(length));
    const { archiver } = archiverFor('w1');
    for (let i = 0; i < 3; i += 1) await archiver.run();
    await redis.del('{spec}:activity');
    for (let i = 1; i < 300; i += 1) await redis.xadd('{spec}:activity', `${i}-0`, 'type', 'a');
    const trim = { token: 'w1', through: position, keep: 100 };
    expect(await ledger.archive.trim('activity', trim)).toBe('behind');
    await archiver.run();
    await archiver.close();
    const { activity, controls } = await found();
    expect(activity).toEqual(Array.from({ length: 299 }, (_, i) => `${i + 1}-0`));
    expect(controls).toMatchObject([{ control: 'history', lost_through: position }]);
  });

  it('that are long are not read again each time', async () => {
    const fields = Array.from({ length: 2000 }, (_, i) => [`name${i}`, 'x'.repeat(500)]);
    await redis.xadd('{spec}:events', '1-1', ...fields.flat());
    let long = 0;
    const read: typeof ledger.archive.read = async (stream, options) => {
      const page = await ledger.archive.read(stream, options);
      if (page !== 'lost') long += page.entries.filter(({ bytes }) => bytes > 1_000_000).length;
      return page;
    };
    const { archiver } = archiverFor('w1', { feed: { ...ledger.archive, read } });
    for (let i = 0; i < 10; i += 1) await archiver.run();
    // Once to archive it, and once to compare it.
    expect(long).toBe(2);
    await archiver.close();
  });

  it('are archived by their length and digest, and stop nothing', async () => {
    await addEvents(1);
    await redis.xadd('{spec}:events', '2-1', 'other', 'field');
    await redis.xadd('{spec}:events', '3-1', 'event', '[1]');
    await redis.xadd('{spec}:events', '4-1', 'event', 'not JSON');
    await redis.xadd('{spec}:events', '5-1', 'event', Buffer.from([0x7b, 0xff, 0xfe]));
    await redis.xadd('{spec}:events', '6-1', 'event', 'x'.repeat(33 * 1024 * 1024));
    await redis.xadd('{spec}:activity', '7-1', 'type', 'a', 'type', 'b');
    await redis.xadd(
      '{spec}:activity',
      '8-1',
      'reason',
      `"}\n{"stream":"events","position":"9-9","entry":{}}`,
    );
    const { archiver } = archiverFor('w1');
    for (let i = 0; i < 3; i += 1) await archiver.run();
    seq = 9;
    await addEvents(1);
    await archiver.run();
    await archiver.close();
    const again = archiverFor('w2');
    await again.archiver.run();
    await again.archiver.close();
    const { events, unreadable, activity, controls } = await found();
    expect(events).toEqual([1, 10]);
    expect(activity).toEqual(['8-1']);
    expect(unreadable).toEqual([
      { why: 'no-event', bytes: 10, sha1: expect.any(String) },
      { why: 'no-event', bytes: 8, sha1: expect.any(String) },
      { why: 'no-event', bytes: 13, sha1: expect.any(String) },
      { why: 'not-utf-8', bytes: 8, sha1: expect.any(String) },
      { why: 'too-long', bytes: 33 * 1024 * 1024 + 5, sha1: expect.any(String) },
      { why: 'no-event', bytes: 10, sha1: expect.any(String) },
    ]);
    expect(controls).toEqual([]);
  });

  it('with very many fields are read in small pages, or not at all', async () => {
    const fields = Array.from({ length: 30 }, (_, i) => [`f${i}`, 'x']).flat();
    const pipeline = redis.pipeline();
    for (let i = 0; i < 1500; i += 1) pipeline.xadd('{spec}:activity', '*', ...fields);
    pipeline.xadd('{spec}:activity', '*', ...Array.from({ length: 20_000 }, (_, i) => `f${i}`));
    pipeline.xadd('{spec}:activity', '*', 'type', 'last');
    await pipeline.exec();
    await addEvents(5);
    const { archiver, events: logged } = archiverFor('w1');
    await archiver.run();
    await archiver.close();
    expect(logged()).not.toContain('archive_failed');
    const { activity, unreadable, events } = await found();
    expect([activity.length, events.length]).toEqual([1501, 5]);
    expect(unreadable).toMatchObject([{ why: 'too-long' }]);
  });

  it('in a key of another type leave the other stream archived, and are reported', async () => {
    await redis.set('{spec}:activity', 'x');
    await addEvents(3);
    const { archiver, events } = archiverFor('w1');
    await archiver.run();
    expect(events()).toContain('archive_failed');
    await archiver.close();
    expect((await found()).events).toEqual(upTo(3));
    expect((await report()).problem).toMatchObject({ code: 'redis' });
  });
});

describe('what Redis has lost', () => {
  it('is said: entries that were trimmed before they were archived', async () => {
    await addEvents(10);
    const first = archiverFor('w1');
    await first.archiver.run();
    await addEvents(20);
    await redis.xtrim('{spec}:events', 'MAXLEN', 5);
    await first.archiver.run();
    expect(first.events()).toContain('archive_gap');
    await first.archiver.close();
    const { events, controls } = await found();
    expect(events).toEqual([...upTo(10), ...upTo(30, 26)]);
    expect(controls).toMatchObject([{ control: 'gap', after: '10-1', before: '26-1', missing: 15 }]);
    expect((await report()).gap).toMatchObject({ stream: 'events', missing: 15 });
  });

  it('is said: an entry that was removed from the middle', async () => {
    await addEvents(3);
    const { archiver } = archiverFor('w1');
    await archiver.run();
    await addEvents(3);
    await redis.xdel('{spec}:events', '5-1');
    await archiver.run();
    await archiver.close();
    expect((await found()).controls).toMatchObject([{ after: '4-1', before: '6-1', missing: 1 }]);
  });

  it('is said: the last entries, in a failover', async () => {
    await addEvents(10);
    const { archiver, events: logged } = archiverFor('w1');
    await archiver.run();
    // The replica had eight, and gives the next ids and numbers anew.
    await redis.xdel('{spec}:events', '9-1', '10-1');
    await redis.call('XSETID', '{spec}:events', '8-1');
    seq = 8;
    await addEvents(4, (i) => `${i}-2`);
    await archiver.run();
    await archiver.close();
    const { events, controls } = await found();
    expect(events).toEqual([...upTo(10), ...upTo(12, 9)]);
    expect(controls).toMatchObject([
      { control: 'history', epoch: 2, after: '8-1', lost_through: '10-1', certain: true },
    ]);
    expect(logged()).toContain('archive_history_changed');
  });

  it('is said: a backup that was restored, without an entry twice', async () => {
    await addEvents(300);
    const { archiver } = archiverFor('w1');
    await archiver.run();
    await redis.del('{spec}:events');
    seq = 0;
    await addEvents(120);
    seq = 400;
    await addEvents(3);
    await archiver.run();
    await archiver.run();
    await archiver.close();
    const { events, controls } = await found();
    expect(events).toEqual([...upTo(300), 401, 402, 403]);
    expect(controls).toMatchObject([{ control: 'history', after: '120-1', lost_through: '300-1' }]);
  });

  it('is said: a stream that was replaced by one with earlier positions', async () => {
    await addEvents(10, (i) => `${i + 1000}-1`);
    const { archiver } = archiverFor('w1');
    await archiver.run();
    await redis.del('{spec}:events');
    seq = 0;
    await addEvents(5);
    await archiver.run();
    await archiver.close();
    const { events, controls } = await found();
    expect(events).toEqual([...upTo(10), ...upTo(5)]);
    expect(controls).toMatchObject([{ control: 'history', after: '0-0', certain: true }]);
  });
});

describe('a folder that cannot be written', () => {
  it('is reported with its code; everything is archived once it can', async () => {
    let isFull = true;
    const open = (async (...args: Parameters<typeof nodeFiles.open>) => {
      const file = await nodeFiles.open(...args);
      const write = file.write.bind(file) as (...rest: unknown[]) => Promise<unknown>;
      file.write = (async (...rest: unknown[]) => {
        if (!isFull) return write(...rest);
        throw Object.assign(new Error('full'), { code: 'ENOSPC' });
      }) as never;
      return file;
    }) as FileSystem['open'];
    await addEvents(20);
    const { archiver, events } = archiverFor('w1', { files: { files: { ...nodeFiles, open } } });
    await archiver.run();
    expect(events()).toContain('archive_failed');
    expect(await report()).toMatchObject({ problem: { code: 'ENOSPC' }, number: 0 });
    expect(await readdir(path)).toEqual([]);
    isFull = false;
    while (!events().includes('archive_resumed')) await archiver.run();
    await archiver.close();
    expect((await found()).events).toEqual(upTo(20));
    expect((await report()).problem).toBeUndefined();
  });

  it('is not begun for an id of the ledger that another client has written', async () => {
    await addEvents(1);
    for (const id of ['x'.repeat(101), 'ledgér', 'two words']) {
      const { archiver, events } = archiverFor('w1', { ledgerId: () => id });
      await archiver.run();
      expect(events()).toEqual(['archive_failed']);
      await archiver.close();
    }
    expect((await report()).problem).toMatchObject({ code: 'refused' });
  });

  it('may be read for longer than the lock lasts', async () => {
    await addEvents(3);
    const open = (async (...args: Parameters<typeof nodeFiles.open>) => {
      await sleep(200);
      return nodeFiles.open(...args);
    }) as FileSystem['open'];
    const slow = { files: { files: { ...nodeFiles, open } as FileSystem }, leaseMs: 300 };
    const { archiver, events } = archiverFor('w1', slow);
    await archiver.run();
    await archiver.close();
    expect(events()).toEqual(['archive_opened']);
    expect((await found()).events).toEqual(upTo(3));
  });

  it('of another key is refused, and not written to', async () => {
    await addEvents(2);
    await nodeFiles.mkdir(path, { mode: 0o700 });
    await writeFile(join(path, '0000000001.digest.json'), 'other\n');
    const { archiver } = archiverFor('w1');
    await archiver.run();
    expect((await report()).problem).toMatchObject({ code: 'refused' });
    expect(await readdir(path)).toEqual(['0000000001.digest.json']);
  });
});

it('another ledger is said, while the worker runs', async () => {
  let id = 'ledger_1';
  await addEvents(2);
  const { archiver } = archiverFor('w1', { ledgerId: () => id });
  await archiver.run();
  id = 'ledger_2';
  while ((await report().catch(() => undefined))?.ledger !== id) await archiver.run();
  await archiver.close();
  expect(await found()).toMatchObject({
    events: [1, 2],
    controls: [{ control: 'ledger', from: 'ledger_1', ledger: 'ledger_2' }],
  });
});

describe('two folders', () => {
  it('another archive is continued only once the first is away, from its own end', async () => {
    await addEvents(5);
    const first = archiverFor('w1');
    await first.archiver.run();
    await first.archiver.close();
    const second = archiverFor('w2', { files: { path: join(root, 'second') } });
    await second.archiver.run();
    expect(await redis.exists('{spec}:archiving')).toBe(0);
    const signed = signArchiveReport({ ...(await report()), at: 0 }, signer);
    await redis.set('{spec}:archive', signed);
    while (!second.events().includes('archive_continues_another')) await second.archiver.run();
    await second.archiver.close();
    expect((await found(join(root, 'second'))).events).toEqual(upTo(5));
  });
});
