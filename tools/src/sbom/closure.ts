import { posix } from 'node:path';

interface Entry {
  name?: string;
  version?: string;
  link?: boolean;
  resolved?: string;
  dependencies?: Record<string, string>;
}

export interface LockFile {
  packages: Record<string, Entry>;
}

/** Where npm finds a package for a module at `from`: in the nearest node_modules. */
const locate = ({ packages }: LockFile, from: string, name: string): string | undefined => {
  for (let folder = from; ; folder = folder === '.' ? '' : posix.dirname(folder)) {
    const path = posix.join(folder, 'node_modules', name);
    const entry = packages[path];
    if (entry) return entry.link ? entry.resolved! : path;
    if (folder === '') return undefined;
  }
};

const NODE_MODULES = 'node_modules/';
const nameOf = (path: string): string => path.slice(path.lastIndexOf(NODE_MODULES) + NODE_MODULES.length);

/**
 * What is installed for these projects in production, as NAME@VERSION: what they depend on, directly and
 * through others, except packages of this repository. (`npm sbom --omit dev` leaves out whatever another
 * project has as a devDependency.)
 */
export const productionPackages = (lock: LockFile, projects: readonly string[]): Set<string> => {
  const seen = new Set<string>(projects);
  for (const path of seen)
    for (const name of Object.keys(lock.packages[path]?.dependencies ?? {})) {
      const found = locate(lock, path, name);
      if (found === undefined) throw new Error(`package-lock.json has no ${name} for ${path}`);
      seen.add(found);
    }
  const installed = [...seen].filter((path) => path.includes(NODE_MODULES));
  return new Set(installed.map((path) => `${nameOf(path)}@${lock.packages[path]!.version}`));
};
