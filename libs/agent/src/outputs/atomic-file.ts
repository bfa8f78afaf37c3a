import { createHash, randomBytes } from 'node:crypto';
import { constants, type Stats } from 'node:fs';
import { lstat, open, readdir, rename, rm, type FileHandle } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { AgentError } from '../agent-error.ts';

export interface FileAccess {
  mode: number;
  uid?: number | undefined;
  gid?: number | undefined;
}

const temporaryName = (name: string): string =>
  `.${name.slice(0, 200)}.rekey-${randomBytes(6).toString('hex')}.tmp`;
/** Each write is a task of another thread, which takes longer than copying the bytes. */
const WRITE_BYTES = 256 * 1024;
const TEMPORARY = /^\..{1,200}\.rekey-[0-9a-f]{12}\.tmp$/s;

/**
 * Replaces a file as a whole: a reader sees the old content or the new. The new file is in the same folder,
 * and synced before it gets its name. Resolves with the SHA-256 of the content; if that is `unless`, nothing
 * is replaced. If it rejects, the old file is as it was, unless the folder could not be synced. `identity` is
 * that of the new file, taken before another program can find it. Without `syncsFolder`, the caller does.
 */
export const replaceFile = async (
  path: string,
  chunks: Iterable<string | Buffer> | AsyncIterable<string | Buffer>,
  { mode, uid, gid }: FileAccess,
  { unless, syncsFolder = true }: { unless?: Unless; syncsFolder?: boolean } = {},
): Promise<{ digest: string; identity?: string }> => {
  const temporary = join(dirname(path), temporaryName(basename(path)));
  // Nobody else can open it before it has its owner and mode. The content is made meanwhile.
  const opening = open(temporary, 'wx', 0o600);
  opening.catch(() => {});
  try {
    const digest = await writeAll(opening, chunks);
    const file = await opening;
    if (digest !== (await unless)) {
      if (uid !== undefined || gid !== undefined) {
        const now = await file.stat();
        await file.chown(uid ?? now.uid, gid ?? now.gid);
      }
      await file.chmod(mode);
      const [now] = await Promise.all([file.stat(), file.sync()]);
      await rename(temporary, path);
      // What it holds is on the disk, and has its name: this cannot fail any more.
      await file.close().catch(() => {});
      if (syncsFolder) await syncFolder(dirname(path));
      return { digest, identity: identityIn(now) };
    }
    await file.close();
    await rm(temporary);
    return { digest };
  } catch (error) {
    const file = await opening.catch(() => undefined);
    await file?.close().catch(() => {});
    if (file) await rm(temporary, { force: true }).catch(() => {});
    throw error;
  }
};

/** The digest of what is there already; it may still be computed while the new file is written. */
type Unless = string | undefined | Promise<string | undefined>;

const writeAll = async (
  opening: Promise<FileHandle>,
  chunks: Iterable<string | Buffer> | AsyncIterable<string | Buffer>,
): Promise<string> => {
  const hash = createHash('sha256');
  let waiting: Buffer[] = [];
  let length = 0;
  const flush = async (): Promise<void> => {
    const bytes = Buffer.concat(waiting, length);
    [waiting, length] = [[], 0];
    const file = await opening;
    for (let at = 0; at < bytes.length;) at += (await file.write(bytes, at)).bytesWritten;
  };
  for await (const chunk of chunks) {
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
    hash.update(bytes);
    waiting.push(bytes);
    length += bytes.length;
    if (length >= WRITE_BYTES) await flush();
  }
  await flush();
  return hash.digest('hex');
};

/** File systems that cannot sync a folder say so. */
const ignoreUnable = (error: NodeJS.ErrnoException): void => {
  if (error.code !== 'EINVAL') throw error;
};

export const syncFolder = async (path: string): Promise<void> => {
  const folder = await open(path, 'r');
  try {
    await folder.sync().catch(ignoreUnable);
  } finally {
    await folder.close();
  }
};

/** Removes what a process that was killed has left beside a file. Such files contain keys. */
export const removeLeftovers = async (folder: string, name?: string): Promise<void> => {
  for (const entry of await readdir(folder).catch(() => []))
    if (TEMPORARY.test(entry) && (name === undefined || entry.startsWith(`.${name.slice(0, 200)}.rekey-`)))
      await rm(join(folder, entry), { force: true }).catch(() => {});
};

const identityIn = ({ ino, size, mtimeMs, mode, uid, gid }: Stats): string =>
  [ino, size, mtimeMs, mode, uid, gid].join(':');

/** What changes when another program replaces, changes or removes a file. */
export const identityOf = async (path: string): Promise<string | undefined> => {
  const found = await lstat(path).catch(() => undefined);
  return found && identityIn(found);
};

/** Neither follows a link nor waits for a pipe, whatever is at the path. Rejects unless it is a file. */
export const openRegularFile = async (path: string): Promise<FileHandle> => {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    if ((await file.stat()).isFile()) return file;
  } catch (error) {
    await file.close();
    throw error;
  }
  await file.close();
  throw new AgentError('NOT_A_FILE', `${JSON.stringify(path)} is not a file`);
};

/** The SHA-256 of a file that has this owner and mode already; undefined otherwise. */
export const digestOfFile = (path: string, { mode, uid, gid }: FileAccess): Promise<string | undefined> =>
  digestIf(path, {
    isWanted: (found) =>
      (found.mode & 0o7777) === mode && found.uid === (uid ?? found.uid) && found.gid === (gid ?? found.gid),
    isNone: () => true,
  });

/** Nothing is there, or what this user has not written: a link, a socket, a file of another user. */
const NO_FILE: ReadonlySet<string | undefined> = new Set([
  'EACCES',
  'ELOOP',
  'ENODEV',
  'ENOENT',
  'ENXIO',
  'EPERM',
  'NOT_A_FILE',
]);

/**
 * The SHA-256 of a file; undefined if there is none, or it is of others. Follows no link. Rejects if that
 * cannot be told now: a file that was taken for one of others would stay.
 */
export const digestOfContent = (path: string): Promise<string | undefined> =>
  digestIf(path, { isWanted: () => true, isNone: (code) => NO_FILE.has(code) });

const digestIf = async (
  path: string,
  { isWanted, isNone }: { isWanted(found: Stats): boolean; isNone(code: string | undefined): boolean },
): Promise<string | undefined> => {
  let file: FileHandle | undefined;
  try {
    file = await openRegularFile(path);
    if (!isWanted(await file.stat())) return undefined;
    const hash = createHash('sha256');
    for await (const chunk of file.createReadStream({ autoClose: false })) hash.update(chunk as Buffer);
    return hash.digest('hex');
  } catch (error) {
    if (isNone((error as NodeJS.ErrnoException).code)) return undefined;
    throw error;
  } finally {
    await file?.close().catch(() => {});
  }
};
