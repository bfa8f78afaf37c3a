export default {
  testEnvironment: 'node',
  testMatch: ['<rootDir>/**/*.spec.ts'],
  testPathIgnorePatterns: ['/node_modules/', '/dist/'],
  extensionsToTreatAsEsm: ['.ts'],
  transform: {},
  testEnvironmentOptions: { customExportConditions: ['@rekey/source', 'node', 'node-addons'] },
};
