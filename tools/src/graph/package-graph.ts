import { fileURLToPath } from 'node:url';
import { cruise, type ICruiseOptions, type ICruiseResult } from 'dependency-cruiser';

/** What runs, and the libs that it imports; tests and tools import the libs too, and nothing imports them. */
const FOLDERS = ['apps', 'libs'];
const SPEC = /(\.spec|-fixture)\.ts$/;

const packageOf = (path: string): string | undefined => /^(?:apps|libs)\/([^/]+)\//.exec(path)?.[1];
const kindOf = (path: string): string => path.slice(0, path.indexOf('/'));

interface PackageGraph {
  /** Names of packages by their folder. */
  packages: Record<string, string[]>;
  /** From → to. */
  arrows: [string, string][];
}

/** The packages and who imports whom in production, as the imports in the sources have it. */
export const packageGraph = async (): Promise<PackageGraph> => {
  const root = new URL('../../../', import.meta.url);
  // The rules of the imports say how they are resolved, too.
  const { default: rules } = (await import(new URL('.dependency-cruiser.js', root).href)) as {
    default: { options: ICruiseOptions };
  };
  const { output } = await cruise(FOLDERS, { ...rules.options, baseDir: fileURLToPath(root) });
  const modules = (output as ICruiseResult).modules.filter(({ source }) => !SPEC.test(source));
  const packages: Record<string, Set<string>> = Object.fromEntries(FOLDERS.map((name) => [name, new Set()]));
  const arrows = new Set<string>();
  for (const { source, dependencies } of modules) {
    const from = packageOf(source);
    if (from === undefined || !source.includes('/src/')) continue;
    packages[kindOf(source)]!.add(from);
    for (const { resolved } of dependencies) {
      const to = packageOf(resolved);
      if (to !== undefined && to !== from) arrows.add(`${from} ${to}`);
    }
  }
  return {
    packages: Object.fromEntries(
      Object.entries(packages).map(([folder, names]) => [folder, [...names].toSorted()]),
    ),
    arrows: [...arrows].toSorted().map((arrow) => arrow.split(' ') as [string, string]),
  };
};

/** The graph as a Mermaid flowchart. */
export const mermaid = ({ packages, arrows }: PackageGraph): string =>
  [
    'flowchart TD',
    ...Object.entries(packages).flatMap(([folder, names]) => [
      `  subgraph ${folder}`,
      ...names.map((name) => `    ${name}`),
      '  end',
    ]),
    ...arrows.map(([from, to]) => `  ${from} --> ${to}`),
  ].join('\n');
