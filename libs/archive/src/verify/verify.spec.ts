import { execFileSync } from 'node:child_process';
import { appendFile, cp, mkdir, readFile, readdir, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { activityLine, eventLine, openArchive, temporaryFolder, verifier } from '../archive-fixture.ts';
import { chainNumbers } from './chain.ts';
import { verifyArchive, type VerifyOptions } from './verify.ts';

const SEGMENTS = 5;
const ENTRIES = 600;
const FEW_ENTRIES = 10;

let root: string;
let pristine: string;
let other: string;
let path: string;

const write = async (to: string, entries: number): Promise<void> => {
  const archive = await openArchive(to);
  for (let segment = 0; segment < SEGMENTS; segment += 1) {
    const first = segment * entries;
    await archive.append(Array.from({ length: entries }, (_, i) => eventLine(first + i + 1)));
    await archive.append([activityLine(segment + 1)]);
    await archive.closeSegment();
  }
  await archive.close();
};

beforeAll(async () => {
  root = await temporaryFolder();
  [pristine, other, path] = ['pristine', 'other', 'changed'].map((name) => join(root, name)) as [
    string,
    string,
    string,
  ];
  await write(pristine, ENTRIES);
  await write(other, FEW_ENTRIES);
});
beforeEach(async () => {
  await rm(path, { recursive: true, force: true });
  await cp(pristine, path, { recursive: true });
});
afterAll(() => rm(root, { recursive: true }));

const verify = (more: Partial<VerifyOptions> = {}) => verifyArchive({ path, verifiers: [verifier], ...more });
const firstBreak = async (more: Partial<VerifyOptions> = {}) => (await verify(more)).breaks[0];
const at = (name: string) => join(path, name);
const [segment2, digest2] = ['0000000002.jsonl', '0000000002.digest.json'];
const linesOf = async (name: string) => (await readFile(at(name), 'utf8')).split('\n').slice(0, -1);
const writeLines = (name: string, lines: string[]) => writeFile(at(name), `${lines.join('\n')}\n`);

describe('an archive as it was written', () => {
  it('may have segments of many years', () => {
    const numbers = Array.from({ length: 500_000 }, (_, i) => i + 1);
    const names = { segments: numbers, digests: numbers, open: [], drafts: [] };
    expect(chainNumbers(names, 1)).toEqual({ last: 500_000, unsigned: undefined });
    expect(chainNumbers({ ...names, digests: [] }, 1).last).toBe(500_000);
  });

  it('is whole', async () => {
    expect(await verify()).toMatchObject({
      breaks: [],
      segments: SEGMENTS,
      streams: {
        events: { first: '1-0', last: '3000-0', entries: 3000 },
        activity: { first: '1-0', last: '5-0', entries: 5 },
      },
      tail: { entries: 0 },
    });
  });

  it('proves with the public key of Rekey only', async () => {
    const stranger = { kid: 'another', publicKey: verifier.publicKey };
    expect(await firstBreak({ verifiers: [stranger] })).toMatchObject({ kind: 'unknown-key' });
  });

  it('can be verified from a later segment, when earlier ones were moved away', async () => {
    for (const name of [segment2, digest2, '0000000001.jsonl', '0000000001.digest.json']) await rm(at(name));
    expect(await firstBreak()).toMatchObject({
      kind: 'segment-missing',
      message: 'segments 1 to 2 and their digests are missing',
    });
    expect(await verify({ first: 3 })).toMatchObject({ breaks: [], segments: 3 });
  });

  it('counts what is not signed yet apart', async () => {
    const archive = await openArchive(path);
    await archive.append([eventLine(3001), activityLine(6)]);
    await archive.close();
    await appendFile(at('0000000006-000000002.open.jsonl'), '{"stream":"events","posi');
    const report = await verify({ positions: [{ stream: 'events', position: '3001-0' }] });
    expect(report).toMatchObject({ breaks: [], tail: { entries: 2 } });
    expect(report.streams.events.last).toBe('3000-0');
  });
});

const PLACES = process.env['REKEY_TRIALS'] === '1' ? 1000 : 200;

describe('a byte flipped anywhere', () => {
  it(`is found, in ${PLACES} places at random`, async () => {
    await rm(path, { recursive: true });
    await cp(other, path, { recursive: true });
    const names = (await readdir(path)).filter((name) => !name.includes('open'));
    const found = new Set<string>();
    for (let i = 0; i < PLACES; i += 1) {
      const name = names[i % names.length]!;
      const bytes = await readFile(at(name));
      const place = Math.floor(Math.random() * bytes.length);
      const before = bytes[place]!;
      bytes[place] = before ^ (1 << Math.floor(Math.random() * 8));
      await writeFile(at(name), bytes);
      const broken = await firstBreak();
      expect({ place, ...broken }).toMatchObject({
        place,
        file: name,
        message: expect.stringContaining(name),
      });
      found.add(broken!.kind);
      bytes[place] = before;
      await writeFile(at(name), bytes);
    }
    expect(found).toContain('line-changed');
    expect(found).toContain('digest-changed');
  });
});

describe('each break is named', () => {
  const swap = async (a: string, b: string) => {
    await rename(at(a), at('other'));
    await rename(at(b), at(a));
    await rename(at('other'), at(b));
  };
  it.each<[string, () => Promise<unknown>, object]>([
    [
      'a changed byte',
      async () => {
        const lines = await linesOf(segment2);
        lines[300] = lines[300]!.replace('value', 'VALUE');
        await writeLines(segment2, lines);
      },
      {
        kind: 'line-changed',
        lines: { from: 257, to: 512 },
        message: '0000000002.jsonl: bytes were changed in lines 257 to 512, after events 855-0, activity 1-0',
      },
    ],
    [
      'a missing entry',
      async () => writeLines(segment2, (await linesOf(segment2)).toSpliced(10, 1)),
      { kind: 'line-missing', lines: { from: 1, to: 256 }, message: expect.stringContaining('1 line are') },
    ],
    [
      'an inserted entry',
      async () => writeLines(segment2, (await linesOf(segment2)).toSpliced(599, 0, eventLine(9999))),
      { kind: 'line-inserted', lines: { from: 513, to: 603 }, message: expect.stringContaining('line 601') },
    ],
    [
      'reordered entries',
      async () => {
        const lines = await linesOf(segment2);
        [lines[20], lines[21]] = [lines[21]!, lines[20]!];
        await writeLines(segment2, lines);
      },
      { kind: 'lines-reordered', message: expect.stringContaining('line 22') },
    ],
    [
      'a segment whose end is cut',
      async () => truncate(at(segment2), 40_000),
      { kind: 'line-missing', file: segment2 },
    ],
    ['a missing segment', () => rm(at(segment2)), { kind: 'segment-missing', file: segment2 }],
    ['a missing digest', () => rm(at(digest2)), { kind: 'digest-missing', file: digest2 }],
    [
      'a missing segment with its digest',
      async () => {
        await rm(at(segment2));
        await rm(at(digest2));
      },
      { kind: 'segment-missing', message: 'segment 2 and its digest are missing' },
    ],
    [
      'reordered segments',
      async () => {
        await swap(segment2, '0000000003.jsonl');
        await swap(digest2, '0000000003.digest.json');
      },
      { kind: 'segments-reordered', file: digest2 },
    ],
    [
      'a segment of another archive of the same key',
      async () => {
        await cp(join(other, segment2), at(segment2));
        await cp(join(other, digest2), at(digest2));
      },
      { kind: 'two-archives', file: digest2 },
    ],
    [
      'an inserted segment, without a digest',
      () => writeFile(at('0000000002-000000009.open.jsonl'), `${eventLine(77)}\n`),
      { kind: 'segment-inserted', file: '0000000002-000000009.open.jsonl' },
    ],
    [
      'an inserted segment after the end',
      () => writeFile(at('0000000006-000000009.open.jsonl'), `${eventLine(7777)}\n`),
      { kind: 'segment-inserted', file: '0000000006-000000009.open.jsonl' },
    ],
    [
      'a signature of another segment',
      async () => {
        const [text] = (await readFile(at(digest2), 'latin1')).split('\n');
        const [, proof] = (await readFile(at('0000000003.digest.json'), 'latin1')).split('\n');
        await writeFile(at(digest2), `${text}\n${proof}\n`);
      },
      { kind: 'digest-changed', file: digest2 },
    ],
  ])('%s', async (_what, spoil, expected) => {
    await spoil();
    expect(await firstBreak()).toMatchObject(expected);
  });

  it('a cut end, against a position or a digest that was noted', async () => {
    const { lastDigest } = await verify();
    for (const name of await readdir(path)) if (name >= '0000000005') await rm(at(name));
    expect((await verify()).breaks).toEqual([]);
    const positions = [{ stream: 'events' as const, position: '2999-0' }];
    expect(await firstBreak({ positions })).toEqual({
      kind: 'cut-end',
      file: '',
      message: 'the archive of events ends at 2400-0, before 2999-0',
    });
    expect(await firstBreak({ digests: [lastDigest!.sha256] })).toMatchObject({ kind: 'cut-end' });
    const within = [{ stream: 'events' as const, position: '7-1' }];
    expect(await firstBreak({ positions: within })).toMatchObject({ kind: 'position-missing' });
  });

  it('a segment to which any number of lines was added', async () => {
    await appendFile(at(segment2), '\n'.repeat(300_000));
    const broken = await firstBreak();
    expect(broken).toMatchObject({ kind: 'line-inserted', file: segment2 });
    expect(broken!.message).toContain('at least 100001 lines were inserted');
  });

  it('a named pipe under a name of the archive, without waiting for its writer', async () => {
    for (const name of ['0000000006.digest.json', '0000000006.jsonl', '0000000006-000000009.open.jsonl']) {
      execFileSync('mkfifo', [at(name)]);
      await expect(verify()).rejects.toThrow(`${name} is no regular file`);
      await rm(at(name));
    }
  });

  it('an empty folder', async () => {
    await rm(path, { recursive: true });
    await mkdir(path);
    expect(await firstBreak()).toMatchObject({ kind: 'empty' });
  });
});
