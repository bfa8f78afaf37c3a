import { fileURLToPath } from 'node:url';

const FOLDERS = ['apps/*', 'libs/*', 'chaos', 'e2e', 'tools'];

/**
 * All projects in one pool, for `npm test`: the long files of e2e share the cores with the short ones of the
 * others. Most tests wait, for a process or a moment, so that more of them run at once than there are cores.
 */
export default {
  projects: FOLDERS.map((folder) => `<rootDir>/${folder}/jest.config.js`),
  maxWorkers: 4,
  testTimeout: 180_000,
  testSequencer: fileURLToPath(new URL('jest.sequencer.js', import.meta.url)),
};
