import { parseArgs } from 'node:util';
import { measure } from './measure.ts';
import { report } from './report.ts';
import { readCommit, readWorkingTree } from './source-tree.ts';

/*
 * npm run shape -- [--check] [--at COMMIT]: measures the lines, functions, files, folders and exports of the
 * working tree, or of a commit. With --check it exits with 1 if one of them is over its limit.
 */

const { values } = parseArgs({
  options: { check: { type: 'boolean' }, at: { type: 'string' } },
});
const root = new URL('../../../', import.meta.url).pathname;
const listing = values.at === undefined ? readWorkingTree(root) : readCommit(root, values.at);
const { text, holds } = report(measure(listing));
console.log(text);
if (values.check && !holds) {
  console.error('\nThe tree is over a limit. The limits and their exceptions: tools/src/shape/limits.ts');
  process.exitCode = 1;
}
