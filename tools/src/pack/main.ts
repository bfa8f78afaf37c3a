import { packageNames, pack } from './pack.ts';

/*
 * Packs @rekey/cli, @rekey/client and @rekey/subscriber, or those of them that are named, for installation
 * outside this repository: dist/packages/NAME.tgz, and dist/packages/NAME with the same. The version is not in
 * the file's name, so that the command that installs it stays the same. Run `tsc --build` first.
 */

const named = process.argv.slice(2);
const unknown = named.find((name) => !packageNames.includes(name));
if (unknown !== undefined) {
  process.stderr.write(`${unknown} is not a package. Packages: ${packageNames.join(', ')}.\n`);
  process.exit(1);
}
for (const name of named.length > 0 ? named : packageNames) {
  const { file, bytes } = await pack(name);
  process.stdout.write(`${file}  ${(bytes / 1e6).toFixed(2)} MB\n`);
}
