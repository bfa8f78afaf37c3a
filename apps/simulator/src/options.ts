import { Command, InvalidArgumentError, Option } from 'commander';
import type { ApiOptions } from './api/api-options.ts';
import { Fault } from './faults/fault.ts';

/** The command-line options of the simulator. */
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

const wholeNumber = (text: string): number => {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError('must be a whole number');
  return Number(text);
};

const portNumber = (text: string): number => {
  const port = wholeNumber(text);
  if (port > 65_535) throw new InvalidArgumentError('must be a port, from 0 to 65535');
  return port;
};

const scriptedFaults = (text: string, others: Fault[]): Fault[] => {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new InvalidArgumentError('must be JSON');
  }
  const parsed = Fault.safeParse(json);
  if (parsed.success) return [...others, parsed.data];
  const issues = parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
  throw new InvalidArgumentError(issues.join('; '));
};

/** Parses the arguments of this process; prints help or an error, and exits, as commander does. */
export const parseOptions = (): Options => {
  const program = new Command('simulator').description(
    "A stand-in for Invent's API. SIMULATOR_API_KEY sets the API key (default: simulator-api-key).",
  );
  for (const add of [addListening, addPopulation, addLimits, addFaults]) add(program);
  return program.parse().opts<Options>();
};

const addListening = (program: Command): Command =>
  program
    .option('--host <address>', 'address to listen on', '127.0.0.1')
    .option('--port <port>', 'port of the API; 0 for a free one', portNumber, 4010)
    .option(
      '--admin-port <port>',
      'port that shows the truth and scripts faults, on loopback only; 0 for a free one',
      portNumber,
      4011,
    );

const addPopulation = (program: Command): Command =>
  program
    .option('--org <id>', 'the org of the API key, and the parent of the sub-orgs', 'org_demo')
    .option(
      '--sub-orgs <n>',
      'number of sub-orgs: ORG_sub1, …, with the API keys KEY-sub1, …',
      wholeNumber,
      0,
    )
    .option(
      '--assistants <n>',
      'number of assistants in each org: ast_1, …; in sub-orgs ast_s1_1, …',
      wholeNumber,
      1000,
    )
    .option('--keep <file>', 'keep the keys in a file across restarts (default: new keys at each start)');

const addLimits = (program: Command): Command =>
  program
    .option('--latency-ms <ms>', 'delay of every answer', wholeNumber, 0)
    .option(
      '--requests-per-minute <n>',
      'request limit of each address in a sliding window; 0 for no limit',
      wholeNumber,
      500,
    )
    .option('--limit-window-ms <ms>', 'length of that window', wholeNumber, 60_000)
    .addOption(
      new Option('--retry-after <form>', 'form of Retry-After in a 429')
        .choices(['seconds', 'date', 'none'])
        .default('seconds'),
    );

const addFaults = (program: Command): Command =>
  program
    .option(
      '--seed <n>',
      'apply faults with a probability to the same requests in each run, if these arrive in the same order',
      wholeNumber,
    )
    .option(
      '--fault <json>',
      'script a fault at the start, like POST /faults of the admin port; repeatable',
      scriptedFaults,
      [] as Fault[],
    )
    .addHelpText(
      'after',
      '\nExample: --fault \'{"kind":"capPages","size":50}\' ' +
        '--fault \'{"kind":"hideKey","on":"list","as":"stars"}\'\n' +
        'All faults: docs/internals/simulator.md',
    );
