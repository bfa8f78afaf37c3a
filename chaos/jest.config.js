import preset, { programs } from '../jest.preset.js';

export default { ...preset, ...programs, testTimeout: 180_000 };
