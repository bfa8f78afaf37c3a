import { spawnSync } from 'node:child_process';
import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/*
 * npm run spec-titles -- [FOLDER]: lists every case of every spec, one per line, as `file: describe › title`.
 * Each case of `it.each` has its own line. Jest loads the specs, and runs no case. FOLDER is another checkout
 * of this repository with installed packages, to compare two commits. Default: this checkout.
 */

interface JestResult {
  testResults: {
    name: string;
    status: 'passed' | 'failed';
    message: string;
    assertionResults: { ancestorTitles: string[]; title: string }[];
  }[];
}

const NO_TITLE = '^no title is like this$';

const listTitles = (root: string, project: string): string[] => {
  const folder = mkdtempSync(join(tmpdir(), 'rekey-titles-'));
  const output = join(folder, 'titles.json');
  const node = ['--disable-warning=ExperimentalWarning', '--experimental-vm-modules'];
  const options = ['--json', '--outputFile', output, '--testNamePattern', NO_TITLE];
  const { status, stderr } = spawnSync(
    process.execPath,
    [...node, join(root, 'node_modules/jest/bin/jest.js'), ...options],
    { cwd: join(root, project), encoding: 'utf8' },
  );
  if (status !== 0) throw new Error(`${project}: the specs do not load\n${stderr}`);
  const { testResults } = JSON.parse(readFileSync(output, 'utf8')) as JestResult;
  rmSync(folder, { recursive: true });
  return testResults.flatMap(({ name, assertionResults }) =>
    assertionResults.map(
      ({ ancestorTitles, title }) => `${relative(root, name)}: ${[...ancestorTitles, title].join(' › ')}`,
    ),
  );
};

const root = resolve(process.argv[2] ?? fileURLToPath(new URL('../../', import.meta.url)));
const projects = globSync('{apps/*,libs/*,*}/jest.config.js', { cwd: root }).map((path) => dirname(path));
const titles = projects.toSorted().flatMap((project) => listTitles(root, project));
process.stdout.write(
  titles
    .toSorted()
    .map((title) => `${title.replaceAll('\n', ' ')}\n`)
    .join(''),
);
