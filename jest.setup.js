import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** What an earlier run of the same process has built: a watching Jest runs again after a change. */
let own;

const programs = (...args) => {
  const main = fileURLToPath(new URL('tools/src/programs/main.ts', import.meta.url));
  return execFileSync(process.execPath, ['--conditions=@rekey/source', main, ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  }).trim();
};

/** Before the specs: builds the programs that they start from the sources. */
export default () => {
  const { REKEY_TEST_BUILT, REKEY_TEST_PROGRAMS } = process.env;
  if (REKEY_TEST_BUILT === '1') programs('--check-apps');
  else if (REKEY_TEST_PROGRAMS === undefined || REKEY_TEST_PROGRAMS === own)
    process.env.REKEY_TEST_PROGRAMS = own = programs();
};
