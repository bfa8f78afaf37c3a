import { generateKeyPairSync } from 'node:crypto';
import * as nodeFiles from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FileSystem } from './files/folder.ts';
import { entryLine } from './format/entry-line.ts';
import { Archive, type ArchiveOptions } from './writer/archive.ts';

const { publicKey, privateKey } = generateKeyPairSync('ed25519');
export const verifier = { kid: 'rekey', publicKey };

export const temporaryFolder = () => nodeFiles.mkdtemp(join(tmpdir(), 'rekey-archive-'));

const optionsFor = (path: string, more: Partial<ArchiveOptions> = {}): ArchiveOptions => ({
  path,
  identity: { prefix: 'rekey', ledger: 'ledger_1' },
  signer: { kid: 'rekey', privateKey },
  verifier,
  by: 'worker-1',
  segmentBytes: 1_000_000,
  segmentMs: 3_600_000,
  ...more,
});

export const openArchive = (path: string, more: Partial<ArchiveOptions> = {}): Promise<Archive> =>
  Archive.open(optionsFor(path, more));

/** The line of event number i, at position i-0. */
export const eventLine = (i: number, text = `value ${i}`): string => {
  const event = JSON.stringify({ type: 'test', subject: text, data: { seq: i, run: 1, sealed: {} } });
  return entryLine('events', { position: `${i}-0`, fields: ['event', event], bytes: 5 + event.length }).line;
};
export const activityLine = (i: number): string =>
  entryLine('activity', { position: `${i}-0`, fields: ['type', 'freeze.set', 'by', 'local'], bytes: 0 }).line;

/** A process that ends at a step of the file system: that step is done in part, and nothing after it. */
class Crash extends Error {}

const writeHalf = (file: FileHandle, isEnd: () => boolean): void => {
  const write = file.write.bind(file) as (...args: unknown[]) => Promise<{ bytesWritten: number }>;
  const half = async (bytes: Buffer, offset: number, length: number, at: number | null) => {
    if (!isEnd()) return write(bytes, offset, length, at);
    await write(bytes, offset, Math.floor(length / 2), at);
    throw new Crash();
  };
  file.write = half as unknown as FileHandle['write'];
  const sync = file.datasync.bind(file);
  file.datasync = async () => {
    if (isEnd()) throw new Crash();
    await sync();
  };
};

/** A file system in which the process ends after some steps; `steps` counts them. */
export const endingAfter = (steps: number): { files: FileSystem; steps: () => number } => {
  let done = 0;
  const isEnd = () => {
    done += 1;
    return done > steps;
  };
  const ending =
    <A extends unknown[], R>(call: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      if (isEnd()) throw new Crash();
      return call(...args);
    };
  const open = async (...args: Parameters<typeof nodeFiles.open>) => {
    const file = await nodeFiles.open(...args);
    writeHalf(file, isEnd);
    return file;
  };
  const { lstat, readdir } = nodeFiles;
  const files = {
    lstat,
    readdir,
    open: ending(open),
    link: ending(nodeFiles.link),
    mkdir: ending(nodeFiles.mkdir),
    unlink: ending(nodeFiles.unlink),
  } as unknown as FileSystem;
  return { files, steps: () => done };
};
