import { join, relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { packageNames, pack } from './pack.ts';
import { repositoryRoot } from './packages.ts';

/*
 * node tools/src/pack/main.ts [--into FOLDER] [NAME…]
 *
 * Packs @rekey/cli, @rekey/client and @rekey/subscriber, or those of them that are named, for installation
 * outside this repository: FOLDER/NAME.tgz, and FOLDER/NAME with the same; by default in dist/packages. The
 * version is not in the file's name, so that the command that installs it stays the same. Run `tsc --build`
 * first.
 */

const { values, positionals: named } = parseArgs({
  allowPositionals: true,
  options: { into: { type: 'string', default: join(repositoryRoot, 'dist/packages') } },
});
const unknown = named.find((name) => !packageNames.includes(name));
if (unknown !== undefined) {
  process.stderr.write(`${unknown} is not a package. Packages: ${packageNames.join(', ')}.\n`);
  process.exit(1);
}
for (const name of named.length > 0 ? named : packageNames) {
  const { file, bytes } = await pack(name, resolve(values.into));
  process.stdout.write(`${relative(process.cwd(), file)}  ${(bytes / 1e6).toFixed(2)} MB\n`);
}
