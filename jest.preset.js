export default {
  testEnvironment: 'node',
  testMatch: ['<rootDir>/**/*.spec.ts'],
  testPathIgnorePatterns: ['/node_modules/', '/dist/'],
  modulePathIgnorePatterns: ['/dist/'],
  extensionsToTreatAsEsm: ['.ts'],
  transform: {},
  // Ends what hangs. How fast a test is depends on the machine, and no test is about that.
  testTimeout: 180_000,
  testEnvironmentOptions: { customExportConditions: ['@rekey/source', 'node', 'node-addons'] },
};
