import preset from '../../jest.preset.js';

// Outages take their time.
export default { ...preset, testTimeout: 30_000 };
