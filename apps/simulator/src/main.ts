import '@rekey/runtime/check-node';
import nodeModule from 'node:module';
import { createAdmin } from './admin/admin.ts';
import { createApi } from './api/api.ts';
import { noCounts } from './api/counts.ts';
import { createRequestLimit } from './api/request-limit.ts';
import { createFaults } from './faults/faults.ts';
import { seededRandom } from './faults/random.ts';
import { listen } from './listen.ts';
import { parseOptions } from './options.ts';
import { openKeptWorld } from './world/kept-world.ts';
import { createWorld } from './world/world.ts';

const fail = (message: string): never => {
  process.stderr.write(`simulator: ${message}\n`);
  process.exit(1);
};
const log = (msg: string, fields: object = {}) =>
  console.log(
    JSON.stringify({ level: 'info', time: new Date().toISOString(), app: 'simulator', ...fields, msg }),
  );
const keptWorld = (path: string) => {
  try {
    return openKeptWorld(path);
  } catch (error) {
    return fail(`--keep: ${(error as Error).message}`);
  }
};

const options = parseOptions();
// Output that is not accepted is dropped.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});

const counts = noCounts();
const faults = createFaults(options.seed === undefined ? Math.random : seededRandom(options.seed));
for (const fault of options.fault) faults.add(fault);
const world = createWorld({
  orgId: options.org,
  apiKey: process.env['SIMULATOR_API_KEY']?.trim() || 'simulator-api-key',
  subOrgs: options.subOrgs,
  assistants: options.assistants,
  kept: options.keep === undefined ? undefined : keptWorld(options.keep),
});
const api = createApi({
  world,
  faults,
  limit: createRequestLimit(options.requestsPerMinute, options.limitWindowMs),
  counts,
  latencyMs: options.latencyMs,
  retryAfter: options.retryAfter,
  onConcurrent: (assistantId) => log('concurrent rotate requests', { assistant_id: assistantId }),
});
const admin = createAdmin({ world, faults, counts });

// Installed before the ready line: a launcher may send a signal right after it. With npm, Ctrl-C arrives
// twice: from the terminal and from npm.
let stopping = false;
const stop = () => {
  if (stopping) return;
  stopping = true;
  log('shutting down');
  for (const server of [api, admin]) {
    server.close();
    server.closeAllConnections();
  }
};
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(signal, stop);

try {
  const { host, port, adminPort } = options;
  log('ready', {
    address: await listen(api, { port, host, option: '--port' }),
    adminAddress: await listen(admin, { port: adminPort, host: '127.0.0.1', option: '--admin-port' }),
  });
  // Specs kill it: what Node has compiled would be lost, and be compiled again for each of them.
  nodeModule.flushCompileCache();
} catch (error) {
  fail((error as Error).message);
}
