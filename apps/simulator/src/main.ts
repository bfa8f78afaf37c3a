import '@rekey/runtime/check-node';
import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Command, InvalidArgumentError, Option } from 'commander';
import { createAdmin } from './admin.ts';
import { createApi, type ApiOptions, type Counts } from './api.ts';
import { createFaults, Fault } from './faults.ts';
import { openKeptWorld } from './kept-world.ts';
import { seededRandom } from './random.ts';
import { createRequestLimit } from './request-limit.ts';
import { createWorld } from './world.ts';

const wholeNumber = (text: string): number => {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError('must be a whole number');
  return Number(text);
};

interface Options {
  host: string;
  port: number;
  adminPort: number;
  org: string;
  subOrgs: number;
  assistants: number;
  latencyMs: number;
  requestsPerMinute: number;
  limitWindowMs: number;
  retryAfter: ApiOptions['retryAfter'];
  seed?: number;
  keep?: string;
  fault: Fault[];
}

const portNumber = (text: string): number => {
  const port = wholeNumber(text);
  if (port > 65_535) throw new InvalidArgumentError('must be a port, from 0 to 65535');
  return port;
};

const scripted = (text: string, others: Fault[]): Fault[] => {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new InvalidArgumentError('must be JSON');
  }
  const parsed = Fault.safeParse(json);
  if (!parsed.success)
    throw new InvalidArgumentError(
      parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; '),
    );
  return [...others, parsed.data];
};

const program = new Command('simulator')
  .description(
    "A stand-in for Invent's API. The API key comes from SIMULATOR_API_KEY (default: simulator-api-key, which guards nothing).",
  )
  .option('--host <address>', 'address to listen on', '127.0.0.1')
  .option('--port <port>', 'port of the API; 0 for a free one', portNumber, 4010)
  .option(
    '--admin-port <port>',
    'port that tells the truth and scripts faults; always on loopback; 0 for a free one',
    portNumber,
    4011,
  )
  .option('--org <id>', 'the org of the API key, also a parent of the sub-orgs', 'org_demo')
  .option(
    '--sub-orgs <n>',
    'how many sub-orgs ORG_sub1, …; their own API keys are KEY-sub1, …',
    wholeNumber,
    0,
  )
  .option(
    '--assistants <n>',
    'how many assistants each org has: ast_1, …, in sub-orgs ast_s1_1, …',
    wholeNumber,
    1000,
  )
  .option('--latency-ms <ms>', 'time that every answer takes', wholeNumber, 0)
  .option(
    '--requests-per-minute <n>',
    'request limit of one address in a sliding window; 0 for none',
    wholeNumber,
    500,
  )
  .option('--limit-window-ms <ms>', 'length of that window', wholeNumber, 60_000)
  .addOption(
    new Option('--retry-after <form>', 'Retry-After of a 429')
      .choices(['seconds', 'date', 'none'])
      .default('seconds'),
  )
  .option(
    '--seed <n>',
    'makes the faults that have a probability hit the same requests again, when these come in the same order',
    wholeNumber,
  )
  .option(
    '--keep <file>',
    'keep the keys in a file, so that they are the same after a restart (default: new keys at each start)',
  )
  .option(
    '--fault <json>',
    'script a fault at the start, as POST /faults of the admin port does; can be repeated',
    scripted,
    [] as Fault[],
  )
  .addHelpText(
    'after',
    '\nExample: --fault \'{"kind":"capPages","size":50}\' --fault \'{"kind":"hideKey","on":"list","as":"stars"}\'\nAll faults: docs/internals/simulator.md',
  );

const options = program.parse().opts<Options>();
const counts: Counts = { rotate: 0, get: 0, list: 0, limited: 0, refused: 0, concurrentRotates: 0 };
const faults = createFaults(options.seed === undefined ? Math.random : seededRandom(options.seed));
// What nobody takes is lost.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});

const keptWorld = (path: string) => {
  try {
    return openKeptWorld(path);
  } catch (error) {
    process.stderr.write(`simulator: --keep: ${(error as Error).message}\n`);
    process.exit(1);
  }
};

const world = createWorld({
  orgId: options.org,
  apiKey: process.env['SIMULATOR_API_KEY']?.trim() || 'simulator-api-key',
  subOrgs: options.subOrgs,
  assistants: options.assistants,
  kept: options.keep === undefined ? undefined : keptWorld(options.keep),
});
for (const fault of options.fault) faults.add(fault);
const limit = createRequestLimit(options.requestsPerMinute, options.limitWindowMs);
const onConcurrent = (assistantId: string) =>
  log('two rotate requests for one assistant at once', { assistant_id: assistantId });
const api = createApi({
  world,
  faults,
  limit,
  counts,
  latencyMs: options.latencyMs,
  retryAfter: options.retryAfter,
  onConcurrent,
});
const admin = createAdmin({ world, faults, counts });

const explain = ({ code }: NodeJS.ErrnoException, address: string, option: string): string => {
  const why: Record<string, string> = {
    EADDRINUSE: `it is in use by another process, perhaps by another Rekey. Stop that process, or choose another port with ${option}`,
    EACCES: `this user may not use that port. Choose one of 1024 or above with ${option}`,
    EADDRNOTAVAIL: 'it is not an address of this machine. Choose another with --host',
    ENOTFOUND: 'the name has no address. Choose another with --host',
  };
  return `cannot listen on ${address}: ${why[code ?? ''] ?? `${code}. Choose another address with --host and ${option}`}`;
};

const listen = async (server: Server, port: number, host: string, option: string): Promise<string> => {
  server.listen(port, host);
  await once(server, 'listening').catch((error: NodeJS.ErrnoException) => {
    throw new Error(explain(error, `${host}:${port}`, option), { cause: error });
  });
  return `http://${host.includes(':') ? `[${host}]` : host}:${(server.address() as AddressInfo).port}`;
};

const log = (msg: string, more: object = {}) =>
  console.log(
    JSON.stringify({ level: 'info', time: new Date().toISOString(), app: 'simulator', ...more, msg }),
  );

// Before it says that it is ready: whoever waits for that may signal at once.
let stopping = false;
// Ctrl-C comes twice where npm is before it: from the terminal and from npm.
const stop = () => {
  if (stopping) return;
  stopping = true;
  log('shutting down');
  for (const server of [api, admin]) {
    server.close();
    server.closeAllConnections();
  }
};
process.on('SIGTERM', stop);
process.on('SIGINT', stop);
process.on('SIGHUP', stop);

try {
  log('ready', {
    address: await listen(api, options.port, options.host, '--port'),
    adminAddress: await listen(admin, options.adminPort, '127.0.0.1', '--admin-port'),
  });
} catch (error) {
  process.stderr.write(`simulator: ${(error as Error).message}\n`);
  process.exit(1);
}
