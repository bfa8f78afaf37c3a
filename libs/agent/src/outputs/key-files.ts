import { createHash } from 'node:crypto';
import { lstat, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from '@rekey/runtime';
import type { Keys } from '@rekey/subscriber';
import { AgentError } from '../agent-error.ts';
import type { FileOutput } from '../config/agent-config.ts';
import {
  digestOfContent,
  digestOfFile,
  removeLeftovers,
  replaceFile,
  syncFolder,
  type FileAccess,
} from './atomic-file.ts';
import type { Content } from './content.ts';
import { lockFolder, type FolderLock } from './lock-folder.ts';
import { fileNameOf } from './names.ts';
import { LIST, openOwnedFiles, type FolderOwner } from './owned-files.ts';
import { selected } from './selection.ts';

const digestOf = (text: string): string => createHash('sha256').update(text).digest('hex');
const EMPTY = digestOf('');
/** In place of a version: the key is gone, and its file is as `on_removed` says. */
const GONE = -1;

/** A folder that no other agent writes into. */
interface Folder {
  owned: Awaited<ReturnType<typeof openOwnedFiles>>;
  lock: FolderLock;
}

const openFolder = async (path: string, owner: FolderOwner): Promise<Folder> => {
  await mkdir(path, { mode: 0o700 }).catch(ignoreExisting);
  const lock = await lockFolder(path);
  try {
    const owned = await openOwnedFiles(path, owner);
    await removeLeftovers(path);
    return { owned, lock };
  } catch (error) {
    await lock.release();
    throw error;
  }
};

/** Opens the folder for a run. `onAnother`: another one is at its path, and its files are gone with it. */
const followFolder = (path: string, owner: FolderOwner, onAnother: () => void) => {
  let opened: Folder | undefined;
  const close = async (): Promise<void> => {
    await opened?.lock.release();
    opened = undefined;
  };
  const open = async (): Promise<Folder> => {
    if (opened && !(await opened.lock.isThere())) {
      await close();
      onAnother();
    }
    return (opened ??= await openFolder(path, owner));
  };
  return { open, close };
};

/** A file for each key in a folder. */
export const createKeyFiles = (
  file: FileOutput,
  access: FileAccess,
  owner: FolderOwner,
  logger: Logger,
): Content => {
  const { path: folder } = file;
  /** The version that each file has. */
  const doneVersions = new Map<string, number>();
  const { open, close } = followFolder(folder, owner, () => doneVersions.clear());

  const writeKey = async ({ owned }: Folder, name: string, secretKey: string): Promise<boolean> => {
    const path = join(folder, name);
    await refuseFolderAt(path);
    const before = await digestOfFile(path, access);
    const { digest } = await replaceFile(path, [secretKey], access, { unless: before, syncsFolder: false });
    owned.confirm(name, digest);
    return digest !== before;
  };
  const removeKey = async ({ owned }: Folder, name: string): Promise<boolean> => {
    const path = join(folder, name);
    const found = await digestOfContent(path);
    const isMissing = found === undefined && !(await lstat(path).catch(ignoreMissing));
    if (isMissing || found === EMPTY) return false;
    if (found === undefined || !owned.owns(name, found)) {
      logger.event('agent_file_left', { output: folder, file: name });
      return false;
    }
    if (file.on_removed === 'delete') await rm(path, { force: true });
    else {
      await owned.record(new Map([[name, EMPTY]]));
      owned.confirm(name, (await replaceFile(path, [], access, { syncsFolder: false })).digest);
    }
    return true;
  };

  /** Until a run has succeeded, whatever the runs before it have changed counts. */
  let [hasChanged, isSynced] = [false, false];
  const writeDue = async (at: Folder, current: KeysByName): Promise<void> => {
    const due = [...current].filter(([name, { version }]) => doneVersions.get(name) !== version);
    await at.owned.record(new Map(due.map(([name, { secretKey }]) => [name, digestOf(secretKey)])));
    for (const [name, { version, secretKey }] of due) {
      if (await writeKey(at, name, secretKey)) hasChanged = true;
      doneVersions.set(name, version);
    }
  };
  const removeGone = async (at: Folder, current: KeysByName): Promise<void> => {
    const gone = at.owned.names().filter((name) => !current.has(name) && doneVersions.get(name) !== GONE);
    for (const name of gone) {
      if (file.on_removed !== 'keep' && (await removeKey(at, name))) hasChanged = true;
      doneVersions.set(name, GONE);
    }
    if (file.on_removed !== 'delete' || gone.length === 0) return;
    // Forgotten once they are gone for good: no power failure brings back a file that nobody deletes.
    await syncFolder(folder);
    await at.owned.record(new Map(gone.map((name) => [name, undefined])));
    for (const name of gone) doneVersions.delete(name);
  };

  return {
    path: join(folder, LIST),
    write: async (keys) => {
      const opened = await open();
      const current = await keysByName(keys, file);
      if (await opened.lock.ignoresCase()) refuseSameFile(current.keys());
      await writeDue(opened, current);
      await removeGone(opened, current);
      // An agent before this one may have ended before it did.
      if (hasChanged || !isSynced) await syncFolder(folder);
      const changed = hasChanged;
      [hasChanged, isSynced] = [false, true];
      return changed;
    },
    close,
  };
};

type KeysByName = Map<string, { version: number; secretKey: string }>;

const keysByName = async (keys: Keys, file: FileOutput): Promise<KeysByName> => {
  const byName: KeysByName = new Map();
  for await (const page of selected(keys, file))
    for (const known of page) if (known.state === 'held') byName.set(fileNameOf(known.assistantId), known);
  return byName;
};

/** Otherwise the key of the one would be read as that of the other. Names are ASCII. */
const refuseSameFile = (names: Iterable<string>): void => {
  const seen = new Map<string, string>();
  for (const name of names) {
    const folded = name.toLowerCase();
    const other = seen.get(folded);
    if (other !== undefined)
      throw new AgentError(
        'SAME_FILE',
        `the folder ignores case: ${JSON.stringify(other)} and ${JSON.stringify(name)} would be one file. ` +
          'Use another format, or a folder that heeds case',
      );
    seen.set(folded, name);
  }
};

const refuseFolderAt = async (path: string): Promise<void> => {
  const found = await lstat(path).catch(() => undefined);
  if (found?.isDirectory())
    throw new AgentError(
      'NOT_A_FILE',
      `${JSON.stringify(path)} is a folder: the key cannot be written there`,
    );
};

const ignoreMissing = (error: NodeJS.ErrnoException): undefined => {
  if (error.code !== 'ENOENT') throw error;
  return undefined;
};
const ignoreExisting = (error: NodeJS.ErrnoException): undefined => {
  if (error.code !== 'EEXIST') throw error;
  return undefined;
};
