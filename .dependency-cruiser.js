/**
 * The direction of imports. Arrows run one way: apps → libs → schema; no app imports another; nothing that
 * runs in production imports libs/testing. `libs` says which libs a folder may import; what is not in the
 * list is forbidden.
 */
const libs = {
  'libs/schema': [],
  'libs/ledger': ['schema'],
  'libs/invent': ['schema'],
  'libs/sealing': ['schema'],
  'libs/access': ['schema'],
  'libs/archive': ['schema'],
  'libs/rpc': ['schema'],
  'libs/client': ['rpc', 'schema'],
  'libs/runtime': ['schema'],
  'libs/subscriber': ['client', 'schema', 'sealing'],
  'libs/agent': ['schema', 'runtime', 'subscriber'],
  'libs/testing': [],
  'apps/gateway': ['schema', 'access', 'ledger', 'sealing', 'rpc', 'runtime'],
  'apps/worker': ['schema', 'archive', 'ledger', 'invent', 'sealing', 'runtime'],
  'apps/simulator': [],
  'apps/cli': ['schema', 'access', 'agent', 'archive', 'ledger', 'invent', 'sealing', 'client', 'runtime'],
  'apps/start': ['testing', 'schema', 'sealing', 'runtime'],
};
/** Specs, and what only they use. */
const spec = '(\\.spec|-fixture)\\.ts$';

const directions = Object.entries(libs).map(([from, allowed]) => ({
  name: `${from.replace('/', '-')}-imports`,
  severity: 'error',
  comment: `${from} may import: ${allowed.map((lib) => `libs/${lib}`).join(', ') || 'nothing'}`,
  from: { path: `^${from}/`, pathNot: spec },
  to: {
    path: '^(libs|apps|e2e|bench|chaos|tools)/',
    pathNot: [
      `^${from}/`,
      '^libs/runtime/(check-node\\.js|src/process/parent-exit\\.ts)$',
      ...allowed.map((lib) => `^libs/${lib}/src/index\\.ts$`),
    ],
  },
}));

export default {
  forbidden: [
    ...directions,
    {
      name: 'specs-import',
      severity: 'error',
      comment: 'a spec imports its own project, and libs by their contract (their exports)',
      from: { path: `^(libs|apps)/([^/]+)/.*${spec}` },
      to: {
        path: '^(libs|apps|e2e|bench|chaos|tools)/',
        pathNot: ['^$1/$2/', '^libs/[^/]+/src/index\\.ts$', '^libs/testing/src/redis/redis-fixture\\.ts$'],
      },
    },
    {
      name: 'no-deep-imports',
      severity: 'error',
      comment: 'end-to-end tests and benchmarks talk to apps over the wire, and to libs by their contract',
      from: { path: '^(e2e|bench|chaos|tools)/', pathNot: '^tools/src/reference/' },
      to: { path: '^(libs|apps)/', pathNot: '^libs/[^/]+/src/index\\.ts$' },
    },
    {
      name: 'reference-imports',
      severity: 'error',
      comment: 'the reference pages are written from what apps declare: variables, commands and methods',
      from: { path: '^tools/src/reference/' },
      to: {
        path: '^(libs|apps)/',
        pathNot: [
          '^libs/[^/]+/src/index\\.ts$',
          '^apps/[^/]+/src/(config|program|rpc-table)\\.ts$',
          '^apps/gateway/src/pipeline/rpc\\.ts$',
        ],
      },
    },
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    { name: 'no-unresolved', severity: 'error', from: {}, to: { couldNotResolve: true } },
    {
      name: 'declared-dependencies',
      severity: 'error',
      comment: 'what a project imports stands in its own package.json',
      from: { path: '^(libs|apps|e2e|bench|chaos|tools)/', pathNot: spec },
      // `peerDependenciesMeta` makes dependency-cruiser 17 call an optional peer 'npm-no-pkg' as well.
      to: { dependencyTypes: ['npm-no-pkg', 'unknown'], dependencyTypesNot: ['npm-peer'] },
    },
  ],
  options: {
    parser: 'swc',
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(^|/)dist/|libs/rpc/src/generated/' },
    combinedDependencies: false,
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['@rekey/source', 'import', 'node', 'default'],
      extensions: ['.ts', '.js'],
    },
  },
};
