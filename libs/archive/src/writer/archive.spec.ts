import { chmod, mkdir, readFile, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises';
import * as nodeFiles from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  activityLine,
  endingAfter,
  eventLine,
  openArchive,
  temporaryFolder,
  verifier,
} from '../archive-fixture.ts';
import type { FileSystem } from '../files/folder.ts';
import { verifyArchive } from '../verify/verify.ts';
import { lastLine, newestArchived } from './look-up.ts';

let root: string;
let path: string;
beforeEach(async () => {
  root = await temporaryFolder();
  path = join(root, 'archive');
});
afterEach(() => rm(root, { recursive: true }));

/** Every entry in the folder's archive, in its order, from the closed segments and the open one. */
const entriesOf = async (): Promise<string[]> => {
  const names = (await readdir(path)).filter((name) => name.endsWith('.jsonl')).toSorted();
  const texts = await Promise.all(names.map((name) => readFile(join(path, name), 'utf8')));
  return texts.flatMap((text) =>
    [...text.matchAll(/^\{"stream":"(\w+)","position":"(\d+)-0"/gm)].map(([, stream, i]) => `${stream} ${i}`),
  );
};

const events = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, i) => `events ${from + i}`);

describe('an archive', () => {
  it('continues after a restart, with everything that was appended', async () => {
    const archive = await openArchive(path);
    await archive.append([eventLine(1), activityLine(1), eventLine(2)]);
    await archive.closeSegment();
    await archive.append([eventLine(3)]);
    await archive.close();
    const again = await openArchive(path);
    expect(again.id).toBe(archive.id);
    expect(again.states.events).toEqual({ epoch: 1, position: '3-0' });
    expect(await lastLine(again, 'events', verifier)).toBe(eventLine(3));
    expect(await lastLine(again, 'activity', verifier)).toBe(activityLine(1));
    await again.append([eventLine(4)]);
    // What an earlier writer has left is signed at once.
    expect(await again.closeIfDue()).toBe(true);
    await again.close();
    expect((await entriesOf()).filter((entry) => entry.startsWith('events'))).toEqual(events(1, 4));
    expect(await verifyArchive({ path, verifiers: [verifier] })).toMatchObject({ breaks: [], segments: 2 });
  });

  it('is readable by its owner only', async () => {
    const archive = await openArchive(path);
    await archive.append([eventLine(1)]);
    await archive.closeSegment();
    await archive.close();
    expect((await stat(path)).mode & 0o777).toBe(0o700);
    for (const name of await readdir(path)) expect((await stat(join(path, name))).mode & 0o777).toBe(0o600);
  });

  it('finds the newest entry that it shares with a stream', async () => {
    const archive = await openArchive(path);
    await archive.append([1, 2, 3].map((i) => eventLine(i)));
    await archive.closeSegment();
    await archive.append([4, 5].map((i) => eventLine(i)));
    const sought = [eventLine(5, 'another'), eventLine(3), eventLine(2)].map((line, i) => ({
      position: ['5-0', '3-0', '2-0'][i]!,
      line,
    }));
    expect(await newestArchived(archive, 'events', sought, verifier)).toEqual({
      found: sought[1],
      certain: true,
    });
    expect((await newestArchived(archive, 'events', sought.slice(0, 1), verifier)).found).toBeUndefined();
    await archive.close();
  });

  it('says that the ledger was replaced', async () => {
    const archive = await openArchive(path);
    await archive.append([eventLine(1)]);
    await archive.close();
    const again = await openArchive(path, { identity: { prefix: 'rekey', ledger: 'ledger_2' } });
    await again.closeSegment();
    await again.close();
    const controls: unknown[] = [];
    const onControl = (control: unknown) => void controls.push(control);
    const report = await verifyArchive({ path, verifiers: [verifier], onControl });
    expect(report).toMatchObject({ breaks: [], ledger: 'ledger_2' });
    expect(controls).toMatchObject([{ control: 'ledger', from: 'ledger_1', ledger: 'ledger_2' }]);
  });
});

/** What a process does, up to its end; returns the entries that it was told are archived. */
const session = async (from: number, files?: FileSystem): Promise<number> => {
  let archived = from - 1;
  const archive = await openArchive(path, files ? { files } : {});
  archived = Math.max(archived, Number(archive.states.events.position.split('-')[0]));
  try {
    for (let round = 0; round < 2; round += 1) {
      await archive.append([eventLine(archived + 1), eventLine(archived + 2)]);
      archived += 2;
      await archive.closeSegment();
    }
    await archive.append([eventLine(archived + 1)]);
    archived += 1;
  } catch {
    // The process ends here.
  }
  await archive.close();
  return archived;
};

describe('a process that ends at any step', () => {
  it('leaves neither a gap nor an entry twice, and what was archived is there', async () => {
    const whole = endingAfter(Infinity);
    await session(1, whole.files);
    const steps = whole.steps();
    expect(steps).toBeGreaterThan(25);
    for (let step = 0; step <= steps; step += 1) {
      await rm(path, { recursive: true, force: true });
      const told = await session(1, endingAfter(step).files).catch(() => 0);
      // The next one ends at some other step, and the last one does not.
      await session(1, endingAfter((step * 7) % steps).files).catch(() => 0);
      const archive = await openArchive(path);
      const reached = Number(archive.states.events.position.split('-')[0]);
      expect(reached).toBeGreaterThanOrEqual(told);
      await archive.append([eventLine(reached + 1)]);
      await archive.closeSegment();
      await archive.close();
      const report = await verifyArchive({ path, verifiers: [verifier] });
      expect(report.breaks).toEqual([]);
      expect(await entriesOf()).toEqual(events(1, reached + 1));
    }
  });
});

describe('two writers of one folder', () => {
  it('an old one that wakes up spoils nothing, wherever it stopped', async () => {
    const old = await openArchive(path);
    await old.append([eventLine(1), eventLine(2)]);
    const young = await openArchive(path);
    await old.append([eventLine(3)]);
    await young.append([eventLine(3), eventLine(4)]);
    await expect(old.closeSegment()).rejects.toMatchObject({ fault: 'superseded' });
    await young.closeSegment();
    await old.append([eventLine(4), eventLine(5)]).catch(() => {});
    await expect(old.closeSegment()).rejects.toMatchObject({ fault: 'superseded' });
    await old.close();
    await young.append([eventLine(5)]);
    await young.closeSegment();
    await young.close();
    expect((await verifyArchive({ path, verifiers: [verifier] })).breaks).toEqual([]);
    expect(await entriesOf()).toEqual(events(1, 5));
  });

  it('one that closes its segment while another takes over does so for both', async () => {
    let closeOld = async () => {};
    const old = await openArchive(path);
    await old.append([eventLine(1), eventLine(2)]);
    closeOld = () => old.closeSegment();
    // The old one closes just before the young one lists the folder for the last time.
    let lists = 0;
    const readdirAfterClosing = (async (folder: string) => {
      lists += 1;
      if (lists === 2) await closeOld();
      return nodeFiles.readdir(folder);
    }) as unknown as FileSystem['readdir'];
    const files = { ...nodeFiles, readdir: readdirAfterClosing };
    await expect(openArchive(path, { files })).rejects.toMatchObject({ fault: 'superseded' });
    const young = await openArchive(path);
    expect(young.states.events.position).toBe('2-0');
    await young.append([eventLine(3)]);
    await young.closeSegment();
    await young.close();
    await expect(old.append([eventLine(3)]).then(() => old.closeSegment())).rejects.toMatchObject({
      fault: 'superseded',
    });
    await old.close();
    expect((await verifyArchive({ path, verifiers: [verifier] })).breaks).toEqual([]);
    expect(await entriesOf()).toEqual(events(1, 3));
  });
});

describe('a full disk', () => {
  it('fails the append with its code, and loses nothing that was archived', async () => {
    let isFull = false;
    const open = (async (...args: Parameters<typeof nodeFiles.open>) => {
      const file = await nodeFiles.open(...args);
      const write = file.write.bind(file) as (...rest: unknown[]) => Promise<{ bytesWritten: number }>;
      const failing = async (bytes: Buffer, offset: number, length: number, at: number) => {
        if (!isFull) return write(bytes, offset, length, at);
        await write(bytes, offset, 5, at);
        throw Object.assign(new Error('no space'), { code: 'ENOSPC' });
      };
      file.write = failing as unknown as typeof file.write;
      return file;
    }) as FileSystem['open'];
    const archive = await openArchive(path, { files: { ...nodeFiles, open } });
    await archive.append([eventLine(1)]);
    isFull = true;
    await expect(archive.append([eventLine(2)])).rejects.toMatchObject({ fault: 'failed', code: 'ENOSPC' });
    await archive.close();
    const before = await readdir(path);
    // On a disk that stays full, no attempt leaves a file.
    for (let attempt = 0; attempt < 3; attempt += 1)
      await expect(openArchive(path, { files: { ...nodeFiles, open } })).rejects.toThrow('ENOSPC');
    expect(await readdir(path)).toEqual(before);
    isFull = false;
    const again = await openArchive(path);
    expect(again.states.events.position).toBe('1-0');
    await again.append([eventLine(2)]);
    await again.closeSegment();
    await again.close();
    expect((await verifyArchive({ path, verifiers: [verifier] })).breaks).toEqual([]);
    expect(await entriesOf()).toEqual(events(1, 2));
  });
});

describe('a folder', () => {
  it.each([
    ['that others can write', async () => chmod(path, 0o777), 'other users can write'],
    [
      'with a symbolic link under a name of the archive',
      async () => symlink('/etc/passwd', join(path, '0000000001-000000001.open.jsonl')),
      'is a symbolic link',
    ],
    [
      'of another archive',
      async () => writeFile(join(path, '0000000001.digest.json'), 'something\n'),
      'is not signed with this key file',
    ],
  ])('is refused: one %s', async (_what, spoil, why) => {
    await mkdir(path, { mode: 0o700 });
    await spoil();
    await expect(openArchive(path)).rejects.toThrow(why);
  });

  it('of another prefix is refused', async () => {
    const archive = await openArchive(path);
    await archive.append([eventLine(1)]);
    await archive.closeSegment();
    await archive.close();
    const identity = { prefix: 'other', ledger: 'ledger_1' };
    await expect(openArchive(path, { identity })).rejects.toThrow('of another prefix');
  });

  it('keeps files of others as they are', async () => {
    await mkdir(path, { mode: 0o700 });
    await writeFile(join(path, 'notes.txt'), 'mine');
    await symlink('/nowhere', join(path, 'link'));
    const archive = await openArchive(path);
    await archive.append([eventLine(1)]);
    await archive.close();
    expect(await readFile(join(path, 'notes.txt'), 'utf8')).toBe('mine');
  });
});
