import { fileURLToPath } from 'node:url';

export const repositoryRoot = fileURLToPath(new URL('../../../', import.meta.url));

/** A package that is installed outside this repository. */
export interface PackageSpec {
  /** Where its package.json and README.md are. */
  folder: string;
  /** Its modules, by the names of their files in the package. */
  entries: Record<string, string>;
  /** What programs import of it; of a program nothing. */
  isLibrary: boolean;
  /**
   * What npm installs with it. Everything else is in its files, except the `peerDependencies` of its
   * package.json: what a service has anyway.
   */
  dependencies?: Record<string, string>;
  /** What its README.md leads to: paths in the repository, which are the same in the package. */
  documents?: readonly string[];
}

const library = { entries: { index: 'src/index.ts' }, isLibrary: true };

export const packages: Record<string, PackageSpec> = {
  cli: {
    folder: 'apps/cli',
    entries: { rekey: 'rekey.js' },
    isLibrary: false,
    documents: [
      'docs/guides/{access,activity,agent,bulk,cli,consumers,lists,policies,status}.md',
      'docs/reference/{cli,errors,status-codes}.md',
    ],
  },
  client: {
    folder: 'libs/client',
    ...library,
    // Types of the contract come from proto-loader, on which grpc-js depends anyway.
    dependencies: { '@grpc/grpc-js': '^1.14.7', '@grpc/proto-loader': '^0.8.1' },
    documents: [
      'docs/guides/{access,activity,bulk,consumers,operate}.md',
      'docs/reference/errors.md',
      'examples/node/*.ts',
      'proto/rekey/v1/*.proto',
    ],
  },
  subscriber: {
    folder: 'libs/subscriber',
    ...library,
    documents: ['docs/guides/{consumers,events}.md', 'docs/reference/errors.md'],
  },
};
