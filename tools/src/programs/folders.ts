import { readdir, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';

/** What the names of the folders of built programs begin with. */
export const PREFIX = 'programs-';
const KEEP_MS = 24 * 3600 * 1000;

/** Notes that a run uses the folder from now on, so that no other run removes it. */
export const markUsed = async (folder: string): Promise<void> => {
  const now = new Date();
  await utimes(folder, now, now);
};

/** Another run may rename or remove the folder at any time. */
const isUnused = async (path: string): Promise<boolean> => {
  const found = await stat(path).catch(() => undefined);
  return found !== undefined && Date.now() - found.mtimeMs > KEEP_MS;
};

/** Removes the folders of built programs that no run has used for a day. */
export const removeUnused = async (parent: string): Promise<void> => {
  for (const name of await readdir(parent)) {
    const path = join(parent, name);
    if (name.startsWith(PREFIX) && (await isUnused(path))) await rm(path, { recursive: true, force: true });
  }
};
