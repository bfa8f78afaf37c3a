import preset from '../jest.preset.js';

export default { ...preset, maxWorkers: 1, testTimeout: 60_000 };
