/** The limits that `npm run shape -- --check` enforces, and each exception with its reason. */

export const MAX_COLUMNS = 110;
export const MAX_FUNCTION_LINES = 80;
export const MAX_FILE_LINES = 300;
export const MAX_FOLDER_FILES = 15;

/** Source files that may be longer than MAX_FILE_LINES: at most MAX_LONG_FILES of them. */
export const MAX_LONG_FILES = 3;
export const longFiles: Readonly<Record<string, string>> = {
  'proto/rekey/v1/bulk.proto': 'One service and its messages; half of it is their documentation.',
};

/** Folders that may hold more than MAX_FOLDER_FILES files. */
export const fullFolders: Readonly<Record<string, string>> = {
  '.': 'Tools look for their configuration in the root of the repository.',
  'docs/guides': 'The README names each: a reader chooses from one list.',
  'docs/internals/decisions': 'Decisions are numbered, and read as one list.',
};

/** Files whose default export a tool imports by the file's name. */
export const isConfiguration = (path: string): boolean =>
  /(^|\/)(jest\.config|jest\.preset|jest\.sequencer|jest\.setup|\.dependency-cruiser)\.js$/.test(path);

/** Services outside of this repository, and Nx, import these: each name in them is used. */
export const publicContracts: readonly string[] = [
  'libs/client/src/index.ts',
  'libs/subscriber/src/index.ts',
  'tools/src/release/version-actions.js',
];

/** Generated files: no limit applies to them. */
export const isGenerated = (path: string): boolean =>
  /(^|\/)generated\/|\.generated\.\w+$|(^|\/)package-lock\.json$/.test(path);

export const isSpec = (path: string): boolean => path.endsWith('.spec.ts');
