import { readFile } from 'node:fs/promises';
import type { OutputChunk } from 'rolldown';

/** A package of npm that is in a bundle. */
export interface Component {
  name: string;
  version: string;
  license: string;
  folder: string;
}

/** The folder of a package in node_modules, from the path of one of its files. */
const PACKAGE = /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+/;

/** The packages of npm whose code is in these chunks, by name and version. */
export const componentsOf = async (chunks: readonly OutputChunk[]): Promise<Component[]> => {
  const folders = new Set(
    chunks.flatMap(({ modules }) =>
      Object.entries(modules).flatMap(([path, { renderedLength }]) => {
        const folder = renderedLength > 0 ? PACKAGE.exec(path)?.[0] : undefined;
        return folder === undefined ? [] : [folder];
      }),
    ),
  );
  const components = await Promise.all(
    [...folders].map(async (folder): Promise<Component> => {
      const { name, version, license } = JSON.parse(
        await readFile(`${folder}/package.json`, 'utf8'),
      ) as Component;
      return { name, version, license, folder };
    }),
  );
  return components.toSorted((a, b) => a.name.localeCompare(b.name) || a.version.localeCompare(b.version));
};
