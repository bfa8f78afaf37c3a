import { randomBytes } from 'node:crypto';
import { open, readFile, rename } from 'node:fs/promises';
import { MAX_MANIFEST_BYTES, readManifest, type Manifest, type ManifestScope } from './manifest.ts';

/**
 * The last manifest that this process has believed, byte for byte, in a file: after a restart it still
 * refuses an older one. Without a path nothing is remembered.
 */
export interface MemoryFile {
  /** What the file proves for this ledger; undefined if it proves nothing. */
  read(scope: ManifestScope): Promise<Manifest | undefined>;
  /** Writes a manifest that this process believes; never over one of a higher revision. */
  save(text: string, scope: ManifestScope): void;
  /** Resolves when everything is written. */
  flush(): Promise<void>;
}

const readBytes = async (path: string): Promise<Buffer | undefined> => {
  try {
    const bytes = await readFile(path);
    return bytes.length > MAX_MANIFEST_BYTES ? undefined : bytes;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
};

const replace = async (path: string, text: string): Promise<void> => {
  const written = `${path}.${randomBytes(6).toString('hex')}.new`;
  const file = await open(written, 'w', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(written, path);
};

export const openMemoryFile = (path: string | undefined, onError: (error: unknown) => void): MemoryFile => {
  let writing: Promise<void> = Promise.resolve();
  let next: { text: string; scope: ManifestScope } | undefined;
  const read = async (scope: ManifestScope): Promise<Manifest | undefined> => {
    const bytes = path === undefined ? undefined : await readBytes(path);
    const found = bytes && readManifest(bytes, scope);
    return found && 'manifest' in found ? found.manifest : undefined;
  };
  const writeNext = async (): Promise<void> => {
    if (!next || path === undefined) return;
    const { text, scope } = next;
    next = undefined;
    const saved = await read(scope);
    const own = readManifest(Buffer.from(text), scope);
    // Another process may share the file.
    if (saved && 'manifest' in own && saved.rev > own.manifest.rev) return;
    await replace(path, text);
  };
  return {
    read,
    save: (text, scope) => {
      if (path === undefined) return;
      next = { text, scope };
      writing = writing.then(writeNext).catch(onError);
    },
    flush: () => writing,
  };
};
