import { lstat, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Keys } from '@rekey/subscriber';
import { AgentError } from '../agent-error.ts';
import type { FileOutput } from '../config/agent-config.ts';
import { digestOfFile, openRegularFile, replaceFile, syncFolder, type FileAccess } from './atomic-file.ts';
import { fileNameOf } from './names.ts';
import { selected } from './selection.ts';

/** The names that the agent has written, so that it removes no file of somebody else. */
const MANIFEST = '.rekey-agent.json';

/** Writes a file for each key into a folder. Resolves with whether anything has changed. */
export const createKeyFiles = (
  { path: folder, on_removed: onRemoved, ...file }: FileOutput,
  access: FileAccess,
): ((keys: Keys) => Promise<boolean>) => {
  let owned: Set<string> | undefined;
  const writtenVersions = new Map<string, number>();

  const writeManifest = async (names: Set<string>): Promise<void> => {
    await replaceFile(join(folder, MANIFEST), [JSON.stringify({ files: [...names].toSorted() })], {
      mode: 0o600,
    });
    owned = names;
  };
  const writeKey = async (name: string, version: number, secretKey: string): Promise<boolean> => {
    if (writtenVersions.get(name) === version) return false;
    const path = join(folder, name);
    await refuseFolderAt(path);
    const before = await digestOfFile(path, access);
    const { digest } = await replaceFile(path, [secretKey], access, before);
    writtenVersions.set(name, version);
    return digest !== before;
  };
  /** By another file: a link at the path may lead to a file of somebody else. */
  const emptyFile = async (path: string): Promise<void> => {
    if (await lstat(path).catch(ignoreMissing)) await replaceFile(path, [], access);
  };
  const removeKey = async (name: string): Promise<void> => {
    if (onRemoved === 'keep') return;
    if (onRemoved === 'delete') await rm(join(folder, name), { force: true });
    else await emptyFile(join(folder, name));
    writtenVersions.delete(name);
  };

  return async (keys) => {
    await mkdir(folder, { mode: 0o700 }).catch(ignoreExisting);
    owned ??= await readManifest(folder);
    const current = new Map<string, { version: number; secretKey: string }>();
    for await (const page of selected(keys, file))
      for (const known of page) if (known.state === 'held') current.set(fileNameOf(known.assistantId), known);
    // What is written next is the agent's before it exists: a crash in between leaves nothing behind.
    const all = new Set([...owned, ...current.keys()]);
    if (all.size > owned.size) await writeManifest(all);
    let changed = false;
    for (const [name, { version, secretKey }] of current)
      changed = (await writeKey(name, version, secretKey)) || changed;
    const gone = [...all].filter(
      (name) => !current.has(name) && (onRemoved === 'delete' || isUnremoved(name)),
    );
    for (const name of gone) await removeKey(name);
    if (onRemoved === 'delete' && gone.length > 0) await writeManifest(new Set(current.keys()));
    if (changed || gone.length > 0) await syncFolder(folder);
    return changed || gone.length > 0;
  };

  /** A kept or emptied file is left alone once this process has done so. */
  function isUnremoved(name: string): boolean {
    return (
      onRemoved === 'empty' && writtenVersions.get(name) !== EMPTIED && !!writtenVersions.set(name, EMPTIED)
    );
  }
};

const EMPTIED = -1;

const refuseFolderAt = async (path: string): Promise<void> => {
  const found = await lstat(path).catch(() => undefined);
  if (found?.isDirectory())
    throw new AgentError(
      'NOT_A_FILE',
      `${JSON.stringify(path)} is a folder: the key cannot be written there`,
    );
};

const readManifest = async (folder: string): Promise<Set<string>> => {
  try {
    const file = await openRegularFile(join(folder, MANIFEST)).catch(ignoreMissing);
    if (!file) return new Set();
    const text = await file.readFile('utf8').finally(() => file.close());
    const { files } = JSON.parse(text) as { files: unknown };
    if (Array.isArray(files) && files.every(isName)) return new Set(files);
  } catch {
    // As below.
  }
  throw new AgentError(
    'BAD_MANIFEST',
    `${JSON.stringify(join(folder, MANIFEST))} cannot be read: remove it, and the files of keys beside it`,
  );
};

/** A name of the agent's own form. Whoever may write to the folder could name other files. */
const isName = (name: unknown): name is string =>
  typeof name === 'string' && name !== '' && name.length <= 255 && !/^\.|[/\0]/.test(name);

const ignoreMissing = (error: NodeJS.ErrnoException): undefined => {
  if (error.code !== 'ENOENT') throw error;
  return undefined;
};
const ignoreExisting = (error: NodeJS.ErrnoException): undefined => {
  if (error.code !== 'EEXIST') throw error;
  return undefined;
};
