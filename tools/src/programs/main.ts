import { existsSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { repositoryRoot } from '../pack/packages.ts';
import { buildApps, buildPrograms, staleApps } from './build.ts';
import { PREFIX, markUsed, removeUnused } from './folders.ts';
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
 *
 * node --conditions=@rekey/source tools/src/programs/main.ts --check-apps
 *
 * Fails if those are not of the sources as they are now: `tsc --build` renews what is beside them only.
 */

/** Two levels below the root, as the sources of an app: check-node finds the folder of compiled code. */
const DIST = join(repositoryRoot, 'dist');

const programsForSpecs = async (): Promise<string> => {
  const folder = join(DIST, `${PREFIX}${digestOfSources(repositoryRoot)}`);
  if (existsSync(folder)) {
    await markUsed(folder);
    return folder;
  }
  const building = `${folder}-${process.pid}`;
  await buildPrograms(building);
  await removeUnused(DIST);
  // Another run may have built the same meanwhile.
  await rename(building, folder).catch(() => rm(building, { recursive: true }));
  return folder;
};

const checkApps = async (): Promise<void> => {
  const stale = await staleApps();
  if (stale.length === 0) return;
  process.stderr.write(
    `Not built from the sources as they are now: ${stale.join(', ')}. Run npm run build.\n`,
  );
  process.exitCode = 1;
};

if (process.argv[2] === '--apps') await buildApps();
else if (process.argv[2] === '--check-apps') await checkApps();
else process.stdout.write(`${await programsForSpecs()}\n`);
