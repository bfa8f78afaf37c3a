import { randomBytes } from 'node:crypto';
import { open, readFile, rename } from 'node:fs/promises';
import { MAX_MANIFEST_BYTES, readManifest } from './manifest.ts';
import type { Manifest, ManifestScope, Unusable } from './manifest.ts';

/** What the file says. `unusable`: why it proves nothing for this ledger, though it is there. */
type Remembered = { manifest: Manifest; ledgerIds: string[] } | { unusable: string } | 'absent';

/**
 * The last manifest that this process has believed, byte for byte, in a file: after a restart it still
 * refuses an older one. Without a path nothing is remembered.
 */
export interface MemoryFile {
  /** Never rejects: a file that cannot be read is an unusable one. */
  read(scope: ManifestScope): Promise<Remembered>;
  /**
   * Writes a manifest that this process believes; never over one of a higher revision. What proves nothing
   * for this ledger, and was not written by this process, stays: it may be another ledger's, or tell an
   * operator what happened. `replace`: an operator has decided what to believe, until that is written. Of
   * failures in a row the first is reported.
   */
  save(text: string, scope: ManifestScope, options?: { replace: boolean }): void;
  /** Resolves when everything is written. */
  flush(): Promise<void>;
  /** Whether the file holds what was last saved. */
  isKept(): boolean;
}

const whyUnusable: Record<Unusable, string> = {
  absent: 'it is missing',
  'wrong-type': 'it is no file',
  'too-long': 'it is too long',
  'other-key': 'it is signed with another key',
  forged: 'it is damaged, or no process of Rekey wrote it',
  'other-ledger': 'it belongs to another ledger',
};

const codeOf = (error: unknown): string => String((error as NodeJS.ErrnoException).code ?? 'unknown error');

const replaceFile = async (path: string, text: string): Promise<void> => {
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

const stateOf = (bytes: Buffer, scope: ManifestScope): Exclude<Remembered, 'absent'> => {
  if (bytes.length > MAX_MANIFEST_BYTES) return { unusable: whyUnusable['too-long'] };
  const found = readManifest(bytes, scope);
  return 'manifest' in found ? found : { unusable: whyUnusable[found.unusable] };
};

const withoutFile: MemoryFile = {
  read: async () => 'absent',
  save: () => {},
  flush: async () => {},
  isKept: () => false,
};

export const openMemoryFile = (path: string | undefined, onError: (error: unknown) => void): MemoryFile => {
  if (path === undefined) return withoutFile;
  let writing: Promise<void> = Promise.resolve();
  let next: { text: string; scope: ManifestScope } | undefined;
  let isKept = true;
  let mayReplace = false;
  /** What this process last found usable, or wrote. */
  let known: Buffer | undefined;
  const readBytes = (): Promise<Buffer | undefined> =>
    readFile(path).catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    });
  const writeNext = async (): Promise<void> => {
    if (!next) return;
    const { text, scope } = next;
    next = undefined;
    const bytes = await readBytes();
    if (bytes !== undefined) {
      const saved = stateOf(bytes, scope);
      const own = readManifest(Buffer.from(text), scope);
      // Another process may share the file.
      if ('manifest' in saved && 'manifest' in own && saved.manifest.rev > own.manifest.rev) return;
      if ('unusable' in saved && !mayReplace && !known?.equals(bytes))
        throw new Error(`the file is not replaced, for this process did not write it: ${saved.unusable}`);
    }
    await replaceFile(path, text);
    known = Buffer.from(text);
    mayReplace = false;
  };
  return {
    read: async (scope) => {
      try {
        const bytes = await readBytes();
        if (bytes === undefined) return 'absent';
        const state = stateOf(bytes, scope);
        if ('manifest' in state) known = bytes;
        return state;
      } catch (error) {
        return { unusable: `it cannot be read (${codeOf(error)})` };
      }
    },
    save: (text, scope, { replace } = { replace: false }) => {
      next = { text, scope };
      mayReplace ||= replace;
      writing = writing.then(writeNext).then(
        () => void (isKept = true),
        (error: unknown) => {
          if (isKept) onError(error);
          isKept = false;
        },
      );
    },
    flush: () => writing,
    isKept: () => isKept,
  };
};
