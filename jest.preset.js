import { fileURLToPath } from 'node:url';

/** Long trials. `npm run trials` runs them, `npm test` does not: the whole check has to end in 20 minutes. */
const TRIALS = [
  '/e2e/floods/floods.spec.ts',
  '/libs/subscriber/src/redis/long-replies.spec.ts',
  '/e2e/fuzz/fuzz.spec.ts',
  '/e2e/rotation/sizes.spec.ts',
  '/e2e/consumers/registry-trust.spec.ts',
  '/e2e/redis/clock.spec.ts',
  '/e2e/verification/lists.spec.ts',
  '/e2e/verification/evidence.spec.ts',
  '/e2e/redis/redis-outages.spec.ts',
  '/e2e/operations/start.spec.ts',
  '/e2e/redis/spoiled-queues.spec.ts',
  '/e2e/agent/outages.spec.ts',
  '/e2e/agent/other-network.spec.ts',
  '/e2e/consumers/signing/signing.spec.ts',
  '/e2e/rotation/org-name.spec.ts',
  '/e2e/bulk/changed-bulk.spec.ts',
  '/e2e/operations/environment.spec.ts',
  '/e2e/operations/start-environment.spec.ts',
  '/e2e/operations/node-version.spec.ts',
  '/e2e/clients/installed.spec.ts',
  '/e2e/operations/debugger.spec.ts',
  '/e2e/operations/containers.spec.ts',
];
/** Those with a part of their cases in the check: all of them in the trials, and for longer. */
const PARTLY_TRIALS = [
  '/apps/worker/model/protocol.spec.ts',
  '/chaos/src/chaos.spec.ts',
  '/chaos/src/writer-trial/writer-trial.spec.ts',
  '/e2e/consumers/acknowledgements.spec.ts',
  '/e2e/docs/first-hour.spec.ts',
  '/e2e/redis/durability.spec.ts',
  '/e2e/bulk/bulk.spec.ts',
  '/e2e/bulk/bulk-crash-points.spec.ts',
  '/e2e/clients/cli.spec.ts',
  '/e2e/operations/logs.spec.ts',
  '/e2e/operations/status.spec.ts',
  '/e2e/redis/compose-users.spec.ts',
  '/e2e/redis/consumer-user.spec.ts',
  '/e2e/redis/redis-password.spec.ts',
  '/e2e/redis/redis-user.spec.ts',
  '/e2e/rotation/crash-points.spec.ts',
  '/e2e/rotation/failures.spec.ts',
  '/e2e/rotation/outcomes.spec.ts',
  '/e2e/rotation/rotation.spec.ts',
  '/libs/ledger/src/budget/shared-address.spec.ts',
  '/libs/archive/src/verify/verify.spec.ts',
  '/libs/ledger/src/policies/openings.spec.ts',
  '/libs/subscriber/src/follower/outages.spec.ts',
];
const areTrials = process.env.REKEY_TRIALS === '1';

/** For projects whose specs start programs. */
export const programs = { globalSetup: fileURLToPath(new URL('jest.setup.js', import.meta.url)) };

export default {
  testEnvironment: 'node',
  testMatch: areTrials
    ? [...TRIALS, ...PARTLY_TRIALS].map((file) => `**${file}`)
    : ['<rootDir>/**/*.spec.ts'],
  testPathIgnorePatterns: ['/node_modules/', '/dist/', ...(areTrials ? [] : TRIALS)],
  modulePathIgnorePatterns: ['/dist/'],
  // zod imports all of its fifty languages, which every spec file would load anew. Only English is used.
  moduleNameMapper: {
    [String.raw`^\.\./locales/index\.js$`]: fileURLToPath(import.meta.resolve('zod/v4/locales/en.js')),
  },
  extensionsToTreatAsEsm: ['.ts'],
  transform: {},
  // Ends what hangs. How fast a test is depends on the machine, and no test is about that.
  testTimeout: 180_000,
  testEnvironmentOptions: { customExportConditions: ['@rekey/source', 'node', 'node-addons'] },
};
