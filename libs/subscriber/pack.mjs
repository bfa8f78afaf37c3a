// Builds a package that works outside this repository: one JavaScript file that contains everything except
// ioredis, and its types. Also packs it as FOLDER.tgz. Run `tsc --build` first.
// node pack.mjs [FOLDER]   default: dist/package
import { execFile } from 'node:child_process';
import { cp, mkdir, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { build } from 'esbuild';

const here = dirname(fileURLToPath(import.meta.url));
const folder = resolve(process.argv[2] ?? join(here, 'dist/package'));

await rm(folder, { recursive: true, force: true });
await mkdir(folder, { recursive: true });
await build({
  entryPoints: [join(here, 'src/index.ts')],
  outfile: join(folder, 'index.js'),
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  legalComments: 'eof',
  conditions: ['@rekey/source'],
  external: ['ioredis'],
});

// The public types: subscribe.d.ts and its imports. They must not import @rekey/*.
for (const name of ['index', 'subscribe', 'options', 'keys', 'subscribe-error'])
  await cp(join(here, `dist/${name}.d.ts`), join(folder, `${name}.d.ts`));
for (const name of await readdir(folder)) {
  const text = name.endsWith('.d.ts') ? await readFile(join(folder, name), 'utf8') : '';
  if (text.includes('@rekey/')) throw new Error(`${name} imports a package that is not in it`);
  // Imports of TypeScript sources become imports of built files.
  if (text)
    await writeFile(
      join(folder, name),
      text.replaceAll(/(from '\.\/[\w-]+)\.ts'/g, "$1.js'").replaceAll(/^\/\/# sourceMappingURL=.*\n?/gm, ''),
    );
}

const { name, version, description, type, peerDependencies } = JSON.parse(
  await readFile(join(here, 'package.json'), 'utf8'),
);
const published = {
  name,
  version,
  description,
  type,
  engines: { node: '>=20' },
  exports: { '.': { types: './index.d.ts', default: './index.js' } },
  peerDependencies,
};
await writeFile(join(folder, 'package.json'), `${JSON.stringify(published, null, 2)}\n`);
await cp(join(here, 'README.md'), join(folder, 'README.md'));

// The name has no version, so that the command that installs it stays the same.
await promisify(execFile)('npm', ['pack', '--silent', '--pack-destination', dirname(folder), folder]);
await rename(
  join(dirname(folder), `${name.replace('@', '').replace('/', '-')}-${version}.tgz`),
  `${folder}.tgz`,
);
