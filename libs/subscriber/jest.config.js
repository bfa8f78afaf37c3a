import preset, { programs } from '../../jest.preset.js';

export default { ...preset, ...programs };
