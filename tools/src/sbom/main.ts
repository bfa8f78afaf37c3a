import { execFile } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { packageNames, pack } from '../pack/pack.ts';
import { repositoryRoot } from '../pack/packages.ts';
import { productionPackages, type LockFile } from './closure.ts';

/*
 * Writes CycloneDX lists of what others wrote: dist/sbom/image.cdx.json of the image with gateway, worker and
 * command line, and one of each package, of what its files contain. Run `tsc --build` first.
 */

const IN_IMAGE = ['apps/cli', 'apps/gateway', 'apps/worker'];
const folder = join(repositoryRoot, 'dist/sbom');

interface Bom {
  metadata: { component: { name: string; version: string; purl: string; 'bom-ref': string } };
  components: { name: string; version: string; purl: string; 'bom-ref': string }[];
  dependencies: { ref: string; dependsOn: string[] }[];
}

/** Everything that is installed, with licences and digests. */
const readAll = async (): Promise<Bom> => {
  const { stdout } = await promisify(execFile)(
    'npm',
    ['sbom', '--sbom-format', 'cyclonedx', '--package-lock-only'],
    { cwd: repositoryRoot, maxBuffer: 64 * 1024 * 1024 },
  );
  return JSON.parse(stdout) as Bom;
};

/** The list of these components alone, NAME@VERSION each. Throws if one is unknown. */
const bomOf = (all: Bom, product: { name: string; version: string }, wanted: ReadonlySet<string>): Bom => {
  // A package that is installed twice has the same bom-ref twice.
  const byRef = new Map(all.components.map((one) => [one['bom-ref'], one]));
  const components = [...wanted].toSorted().map((ref) => {
    const component = byRef.get(ref);
    if (!component) throw new Error(`npm sbom does not list ${ref}`);
    return component;
  });
  const ref = `${product.name}@${product.version}`;
  const component = {
    ...all.metadata.component,
    ...product,
    'bom-ref': ref,
    purl: `pkg:npm/${ref.replace(/^@/, '%40')}`,
  };
  const known = new Map(all.dependencies.map((one) => [one.ref, one.dependsOn]));
  const dependencies = [...wanted].map((one) => ({
    ref: one,
    dependsOn: [...new Set(known.get(one) ?? [])].filter((other) => wanted.has(other)),
  }));
  return {
    ...all,
    metadata: { ...all.metadata, component },
    components,
    dependencies: [{ ref, dependsOn: [...wanted] }, ...dependencies],
  };
};

const write = async (name: string, bom: Bom): Promise<void> => {
  await writeFile(join(folder, `${name}.cdx.json`), `${JSON.stringify(bom, null, 2)}\n`);
  process.stdout.write(`dist/sbom/${name}.cdx.json  ${bom.components.length} components\n`);
};

await mkdir(folder, { recursive: true });
const all = await readAll();
const lock = JSON.parse(await readFile(join(repositoryRoot, 'package-lock.json'), 'utf8')) as LockFile;
const { version } = all.metadata.component;
await write('image', bomOf(all, { name: 'rekey', version }, productionPackages(lock, IN_IMAGE)));
for (const name of packageNames) {
  const { components } = await pack(name, join(repositoryRoot, 'dist/packages'));
  const inside = new Set(components.map((one) => `${one.name}@${one.version}`));
  await write(name, bomOf(all, { name: `@rekey/${name}`, version }, inside));
}
