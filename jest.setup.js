import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** Before the specs: builds the programs that they start from the sources. */
export default () => {
  const { REKEY_TEST_BUILT, REKEY_TEST_PROGRAMS } = process.env;
  if (REKEY_TEST_BUILT === '1' || REKEY_TEST_PROGRAMS !== undefined) return;
  const build = fileURLToPath(new URL('tools/src/programs/main.ts', import.meta.url));
  process.env.REKEY_TEST_PROGRAMS = execFileSync(process.execPath, ['--conditions=@rekey/source', build], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  }).trim();
};
