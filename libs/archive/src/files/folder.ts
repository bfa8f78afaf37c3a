import { constants } from 'node:fs';
import * as nodeFiles from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { ArchiveError } from '../archive-error.ts';
import { parseNames, type ArchiveNames } from '../format/names.ts';

/** What an archive needs of a file system. */
export type FileSystem = Pick<typeof nodeFiles, 'link' | 'lstat' | 'mkdir' | 'open' | 'readdir' | 'unlink'>;

const { O_CREAT, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_RDWR, O_DIRECTORY } = constants;
const FOLDER_MODE = 0o700;
const FILE_MODE = 0o600;
/** Others may write: they could replace a file between two looks at it. */
const WRITABLE_BY_OTHERS = 0o022;
/** A digest of a segment of a million lines is smaller. */
const MAX_DIGEST_BYTES = 4 * 1024 * 1024;

/**
 * The folder of an archive. What is created is synchronised with its folder before it counts, symbolic links
 * are never followed, and an error is an ArchiveError.
 */
export class ArchiveFolder {
  readonly path: string;
  readonly #files: FileSystem;

  constructor(path: string, files: FileSystem = nodeFiles) {
    this.path = path;
    this.#files = files;
  }

  /** Creates the folder if it is missing, and refuses one that others can write. */
  async prepare(): Promise<void> {
    await this.#try('create', '', async () => {
      await this.#files.mkdir(this.path, { mode: FOLDER_MODE }).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'EEXIST') throw error;
      });
    });
    await this.#try('open', '', async () => {
      const folder = await this.#files.open(this.path, O_RDONLY | O_DIRECTORY);
      const stats = await folder.stat().finally(() => folder.close());
      const uid = process.getuid?.();
      if (uid !== undefined && stats.uid !== uid && stats.uid !== 0)
        throw new ArchiveError('refused', 'another user owns the folder of the archive');
      if (stats.mode & WRITABLE_BY_OTHERS)
        throw new ArchiveError(
          'refused',
          'other users can write to the folder of the archive; run chmod 700',
        );
    });
  }

  async names(): Promise<ArchiveNames> {
    return this.#try('list', '', async () => parseNames(await this.#files.readdir(this.path)));
  }

  /** Opens a file for reading; undefined if there is none. */
  async openIfThere(name: string): Promise<FileHandle | undefined> {
    return this.#try('read', name, async () => {
      try {
        // Opening a named pipe would wait for a writer.
        const flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK;
        const file = await this.#files.open(join(this.path, name), flags);
        if ((await file.stat()).isFile()) return file;
        await file.close();
        throw new ArchiveError('refused', `${name} is no regular file`);
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        if (code === 'ENOENT') return undefined;
        if (code === 'ELOOP')
          throw new ArchiveError('refused', `${name} is a symbolic link`, { cause: error });
        throw error;
      }
    });
  }

  /** The contents of a digest file; undefined if there is none. */
  async readDigest(name: string): Promise<string | undefined> {
    const file = await this.openIfThere(name);
    if (!file) return undefined;
    return this.#try('read', name, async () => {
      try {
        if ((await file.stat()).size > MAX_DIGEST_BYTES)
          throw new ArchiveError('refused', `${name} is too long`);
        return await file.readFile('latin1');
      } finally {
        await file.close();
      }
    });
  }

  /** Creates a file that must not exist; undefined if it does. */
  async create(name: string): Promise<FileHandle | undefined> {
    return this.#try('create', name, async () => {
      try {
        return await this.#files.open(
          join(this.path, name),
          O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW,
          FILE_MODE,
        );
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'EEXIST') return undefined;
        throw error;
      }
    });
  }

  /**
   * Writes a file whole and for good, or not at all; false if the name is taken. The draft is removed.
   */
  async commit(name: string, text: string, draft: string): Promise<boolean> {
    const file = await this.create(draft);
    if (!file) throw new ArchiveError('superseded', `${draft} belongs to another writer`);
    await this.#try('write', name, async () => {
      try {
        await file.writeFile(text, 'latin1');
        await file.sync();
      } finally {
        await file.close();
      }
    });
    const result = await this.link(draft, name);
    await this.remove(draft);
    return result === 'linked';
  }

  /**
   * Gives a file a second name for good. `taken`: another file has that name; `gone`: the file has been
   * removed.
   */
  async link(name: string, second: string): Promise<'linked' | 'taken' | 'gone'> {
    const result = await this.#try('link', second, async () => {
      try {
        await this.#files.link(join(this.path, name), join(this.path, second));
        return 'linked';
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        if (code === 'EEXIST') return 'taken';
        if (code === 'ENOENT') return 'gone';
        throw error;
      }
    });
    await this.sync();
    return result;
  }

  async remove(name: string): Promise<void> {
    await this.#try('remove', name, async () => {
      await this.#files.unlink(join(this.path, name)).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOENT') throw error;
      });
    });
  }

  /** Makes what was created, linked and removed in the folder last. */
  async sync(): Promise<void> {
    await this.#try('synchronise', '', async () => {
      const folder = await this.#files.open(this.path, O_RDONLY | O_DIRECTORY);
      await folder.sync().finally(() => folder.close());
    });
  }

  /** Runs something on the file system whose errors are ArchiveErrors. */
  async #try<T>(what: string, name: string, run: () => Promise<T>): Promise<T> {
    try {
      return await run();
    } catch (error) {
      throw asArchiveError(error, what, name);
    }
  }
}

export const asArchiveError = (error: unknown, what: string, name: string): ArchiveError => {
  if (error instanceof ArchiveError) return error;
  const { code = 'unknown' } = error as NodeJS.ErrnoException;
  const of = name === '' ? 'the folder of the archive' : name;
  return new ArchiveError('failed', `cannot ${what} ${of} (${code})`, { cause: error });
};
