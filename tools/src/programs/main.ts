import { existsSync } from 'node:fs';
import { readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { repositoryRoot } from '../pack/packages.ts';
import { buildApps, buildPrograms } from './build.ts';
import { digestOfSources } from './sources.ts';

/*
 * node --conditions=@rekey/source tools/src/programs/main.ts
 *
 * Builds the programs that specs start, unless they exist, and prints their folder. The folder's name is a
 * digest of the sources: changed sources are another folder.
 *
 * node --conditions=@rekey/source tools/src/programs/main.ts --apps
 *
 * Builds them into apps/NAME/dist/main.js, for production.
 */

/** Two levels below the root, as the sources of an app: check-node finds the folder of compiled code. */
const DIST = join(repositoryRoot, 'dist');
const PREFIX = 'programs-';
const KEEP_MS = 24 * 3600 * 1000;

const removeOld = async (): Promise<void> => {
  for (const name of await readdir(DIST)) {
    const path = join(DIST, name);
    const isOld = async () => Date.now() - (await stat(path)).mtimeMs > KEEP_MS;
    if (name.startsWith(PREFIX) && (await isOld())) await rm(path, { recursive: true, force: true });
  }
};

const programsForSpecs = async (): Promise<string> => {
  const folder = join(DIST, `${PREFIX}${digestOfSources(repositoryRoot)}`);
  if (existsSync(folder)) return folder;
  const building = `${folder}-${process.pid}`;
  await buildPrograms(building);
  await removeOld();
  // Another run may have built the same meanwhile.
  await rename(building, folder).catch(() => rm(building, { recursive: true }));
  return folder;
};

if (process.argv[2] === '--apps') await buildApps();
else process.stdout.write(`${await programsForSpecs()}\n`);
