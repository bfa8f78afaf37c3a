// How nx release reads and writes versions here: those of package.json, which are exact. Nx's own way needs
// its plugin for JavaScript. Nx loads this file with require.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { VersionActions } from 'nx/release/index.js';
import { releasedChangelog } from './changelog.ts';

const SECTIONS = ['dependencies', 'devDependencies', 'peerDependencies', 'optionalDependencies'];

export default class PackageVersions extends VersionActions {
  validManifestFilenames = ['package.json'];

  read(tree, path) {
    return JSON.parse(tree.read(path, 'utf8'));
  }

  update(tree, change) {
    return this.manifestsToUpdate.map(({ manifestPath }) => {
      const manifest = this.read(tree, manifestPath);
      const text = change(manifest);
      tree.write(manifestPath, `${JSON.stringify(manifest, null, 2)}\n`);
      return `${text} in ${manifestPath}`;
    });
  }

  async readCurrentVersionFromSourceManifest(tree) {
    const manifestPath = join(this.projectGraphNode.data.root, 'package.json');
    return { currentVersion: this.read(tree, manifestPath).version, manifestPath };
  }

  async readCurrentVersionFromRegistry() {
    throw new Error('versions are those of package.json: nothing is published');
  }

  async readCurrentVersionOfDependency(tree, _graph, name) {
    const manifest = this.read(tree, join(this.projectGraphNode.data.root, 'package.json'));
    const dependencyCollection = SECTIONS.find((section) => manifest[section]?.[name] !== undefined) ?? null;
    return { currentVersion: manifest[dependencyCollection]?.[name] ?? null, dependencyCollection };
  }

  async updateProjectVersion(tree, version) {
    return this.update(tree, (manifest) => {
      manifest.version = version;
      return `version ${version}`;
    });
  }

  async updateProjectDependencies(tree, _graph, versions) {
    return this.update(tree, (manifest) => {
      for (const section of SECTIONS)
        for (const [name, version] of Object.entries(versions))
          if (manifest[section]?.[name] !== undefined) manifest[section][name] = version;
      return `${Object.keys(versions).length} dependencies`;
    });
  }
}

/** After all projects: the root's package.json, and CHANGELOG.md. */
export const afterAllProjectsVersioned = async (root, { dryRun }) => {
  if (dryRun) return { changedFiles: [], deletedFiles: [] };
  const read = (path) => readFileSync(join(root, path), 'utf8');
  const { version } = JSON.parse(read('apps/cli/package.json'));
  const changed = {
    'package.json': read('package.json').replace(/("version": )"[^"]*"/, `$1"${version}"`),
    'CHANGELOG.md': releasedChangelog(read('CHANGELOG.md'), version, new Date()),
  };
  for (const [path, text] of Object.entries(changed)) writeFileSync(join(root, path), text);
  return { changedFiles: Object.keys(changed), deletedFiles: [] };
};
