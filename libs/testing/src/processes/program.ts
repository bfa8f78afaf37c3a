import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const repositoryRoot = fileURLToPath(new URL('../../../../', import.meta.url));

export type Program = 'gateway' | 'worker' | 'simulator' | 'rekey';

const folderOf = (program: Program): string =>
  join(repositoryRoot, 'apps', program === 'rekey' ? 'cli' : program);

/** Saves a sixth of the CPU time of a start: V8 would begin with 1 MB, and collect it again and again. */
const ROOM_FOR_START = '--min-semi-space-size=8';

/**
 * The arguments with which Node runs a program: its sources; or what `npm run build` has built; or, in specs,
 * what `jest.setup.js` has built from the sources at their start: it starts in half the time. With an empty
 * REKEY_TEST_PROGRAMS, specs run the sources.
 */
export const programArguments = (program: Program): string[] => {
  const { REKEY_TEST_BUILT: built, REKEY_TEST_PROGRAMS: programs } = process.env;
  if (built === '1') return [join(folderOf(program), 'dist/main.js')];
  if (programs) return [ROOM_FOR_START, join(programs, `${program}.js`)];
  return ['--conditions=@rekey/source', join(folderOf(program), 'src/main.ts')];
};
