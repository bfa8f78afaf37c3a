import { mkdir, mkdtemp, readdir, rm, symlink, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { markUsed, removeUnused } from './folders.ts';

let parent: string;
beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), 'rekey-programs-'));
});
afterEach(() => rm(parent, { recursive: true }));

const builtTwoDaysAgo = async (name: string): Promise<string> => {
  const folder = join(parent, name);
  await mkdir(folder);
  const then = new Date(Date.now() - 48 * 3600 * 1000);
  await utimes(folder, then, then);
  return folder;
};

describe('the folders of built programs', () => {
  it('are removed if no run has used them for a day', async () => {
    await builtTwoDaysAgo('programs-old');
    await builtTwoDaysAgo('packages');
    await removeUnused(parent);
    expect(await readdir(parent)).toEqual(['packages']);
  });

  it('stay while a run uses them, however long ago they were built', async () => {
    await markUsed(await builtTwoDaysAgo('programs-in-use'));
    await removeUnused(parent);
    expect(await readdir(parent)).toEqual(['programs-in-use']);
  });

  it('may vanish while they are looked at: another run has renamed one', async () => {
    await symlink(join(parent, 'gone'), join(parent, 'programs-renamed'));
    await expect(removeUnused(parent)).resolves.toBeUndefined();
  });
});
