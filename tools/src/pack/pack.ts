import { execFile } from 'node:child_process';
import { mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { externalOf, writeModules, writeTypes } from './bundle.ts';
import { componentsOf, type Component } from './components.ts';
import { writeDocuments } from './documents.ts';
import { noticesText } from './notices.ts';
import { packages, repositoryRoot, type PackageSpec } from './packages.ts';

export const packageNames = Object.keys(packages);

interface Manifest {
  name: string;
  version: string;
  description: string;
  engines?: { node: string };
  license?: string;
  peerDependencies?: Record<string, string>;
  peerDependenciesMeta?: object;
}

const readManifest = async (folder: string): Promise<Manifest> =>
  JSON.parse(await readFile(join(repositoryRoot, folder, 'package.json'), 'utf8')) as Manifest;

/** The package.json of the package as it is installed. */
const publishedManifest = (
  { entries, isLibrary, dependencies }: PackageSpec,
  { name, version, description, license, peerDependencies, peerDependenciesMeta }: Manifest,
  engines: Manifest['engines'],
): object => {
  const [main = ''] = Object.keys(entries);
  return {
    name,
    version,
    description,
    license,
    type: isLibrary ? 'module' : 'commonjs',
    engines,
    ...(isLibrary
      ? { sideEffects: false, exports: { '.': { types: `./${main}.d.ts`, default: `./${main}.js` } } }
      : { bin: { [main]: `./${main}.js` } }),
    dependencies,
    peerDependencies,
    peerDependenciesMeta,
  };
};

interface Packed {
  file: string;
  bytes: number;
  /** The packages whose code is in its files. */
  components: Component[];
}

/** Packs one of `packageNames` into `into`/NAME and `into`/NAME.tgz. */
export const pack = async (name: string, into: string): Promise<Packed> => {
  const spec = packages[name]!;
  const [manifest, { engines }] = await Promise.all([readManifest(spec.folder), readManifest('.')]);
  const folder = join(into, name);
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const external = externalOf(Object.keys({ ...spec.dependencies, ...manifest.peerDependencies }));
  const chunks = await writeModules(spec, { version: manifest.version, external, into: folder });
  if (spec.isLibrary) await writeTypes(spec, { external, into: folder });
  const components = await componentsOf(chunks);
  await writeFile(join(folder, 'THIRD-PARTY-NOTICES.txt'), await noticesText(components));
  await writeFile(
    join(folder, 'package.json'),
    `${JSON.stringify(publishedManifest(spec, manifest, engines), null, 2)}\n`,
  );
  await writeDocuments(spec, folder);
  const file = join(into, `${name}.tgz`);
  const { stdout } = await promisify(execFile)('npm', [
    'pack',
    '--silent',
    '--pack-destination',
    into,
    folder,
  ]);
  await rename(join(into, stdout.trim().split('\n').at(-1)!), file);
  return { file, bytes: (await stat(file)).size, components };
};
