import { spawnSync } from 'node:child_process';
import { mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { areTrials, freePort, inCheck, lineOf, resultOf, startChild, type Child } from '@rekey/testing';
import { DOCUMENTS, blocksOf, type Document } from '../support/documents.ts';
import { FREE_PORTS, freshCopy } from '../support/fresh-copy.ts';
import { startPackageRegistry } from '../clients/package-registry.ts';
import { canImport } from '../consumers/python-consumer.ts';
import { describeIf } from '../support/describe-if.ts';

/*
 * The first hour of a new user: every shell block of the documents, as pasted, in a fresh copy of the
 * repository. `npm ci` is skipped, because the packages are linked. The ports of this start replace the
 * default ports in the text.
 */

/**
 * The beginning of every block, and the reason if it does not run here. A block that is added or changed must
 * be entered here.
 */
const BLOCKS: [Document, beginning: string, notRun?: string][] = [
  ['README.md', 'npm ci && npm start'],
  ['README.md', 'npx rekey rotate org_demo ast_1 --wait'],
  ['README.md', 'npx rekey events --from last --count 1 --open --key-file .rekey/key.json'],
  ['README.md', 'npx rekey demo'],
  ['README.md', 'npx rekey activity'],
  ['README.md', 'npx rekey doctor'],
  ['README.md', 'INVENT_API_KEY=… npm start', 'it needs an API key of Invent'],
  ['README.md', 'npm run pack -- cli', 'e2e/clients/packages.spec.ts packs and installs it'],
  ['README.md', 'npm ci && npm test', 'these are the tests'],
  [
    'docs/guides/operate.md',
    'cp simulator.env .env && docker compose run --rm setup',
    'e2e/operations/containers.spec.ts pastes it, which needs a Docker engine',
  ],
  [
    'docs/guides/operate.md',
    'INVENT_API_KEY=… docker compose run --rm setup',
    'it needs a Docker engine, and an API key of Invent',
  ],
  ['docs/guides/operate.md', 'export REKEY_TLS_CA_FILE=secrets/ca.pem', 'it needs a Docker engine'],
  ['docs/guides/operate.md', 'npx rekey key-file gateway gateway-key.json     # from REKEY_KEY_FILE'],
  [
    'docs/guides/operate.md',
    'openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=ca \\',
    'e2e/clients/tls.spec.ts makes certificates with these options',
  ],
  [
    'docs/guides/consumers.md',
    'npx rekey consumer keygen billing.json                         # X25519; --type P-256, --type shared',
  ],
  [
    'docs/guides/consumers.md',
    '(umask 077; docker compose exec -T worker rekey consumer keygen - > billing.json)',
    'it needs a Docker engine',
  ],
  [
    'docs/guides/integrate.md',
    'npx buf curl --http2-prior-knowledge --protocol grpc ' +
      '--reflect-header \'*\' -H "authorization: Bearer $(cat .rekey/admin.token)" ' +
      '-d \'{"orgId":"org_demo","assistantId":"ast_2"}\' ' +
      'http://127.0.0.1:50051/rekey.v1.RotationService/RotateSecretKey',
  ],
  ['docs/reference/cli.md', 'rekey() { npx rekey "$@"; }; source <(rekey completion bash)'],
  [
    'libs/subscriber/README.md',
    "npx rekey consumer keygen billing.json   # the service's key file; its public part goes to Rekey:",
  ],
  ['libs/subscriber/README.md', 'npm run pack -- subscriber'],
  [
    'libs/subscriber/README.md',
    'REDIS_URL=redis://127.0.0.1:6379 REKEY_CONSUMER_KEY_FILE=billing.json node ../my-service/service.mjs',
  ],
  ['libs/client/README.md', 'npm run pack -- client'],
  [
    'libs/client/README.md',
    'export REKEY_TOKEN_FILE=.rekey/admin.token   # says who calls; npm start has made it\n' +
      'node_modules/.bin/node --conditions=@rekey/source examples/node/rotate-and-wait.ts org_demo ast_1',
  ],
  ['examples/python/README.md', 'npx rekey consumer keygen billing-key.json '],
  [
    'examples/python/README.md',
    'REDIS_URL=redis://127.0.0.1:6379 /usr/bin/python3 examples/python/consumer.py billing ',
  ],
  [
    'examples/python/README.md',
    'export REKEY_TOKEN_FILE=.rekey/admin.token   # says who calls; npm start has made it\n' +
      'REKEY_KEY_FILE=.rekey/key.json /usr/bin/python3 examples/python/rotate_and_open.py org_demo ast_1',
  ],
];

/**
 * `npm ci` would replace the linked packages. `npx rekey` runs as pasted once: npm takes three times as long
 * as `rekey` itself.
 */
const AS_PASTED = { REKEY_SPEC_NPX: '1' };
const PREAMBLE = `set -e -o pipefail
npm() { [ "$1" = ci ] || command npm "$@"; }
npx() {
  if [ "$1" != rekey ] || [ -n "$REKEY_SPEC_NPX" ]; then command npx "$@"; return; fi
  shift
  PATH="$PWD/node_modules/.bin:$PATH" command rekey "$@"
}
`;

const python = canImport(
  ['redis', 'jwcrypto', 'grpc', 'grpc_tools'],
  'python3-redis, python3-jwcrypto, python3-grpcio and python3-grpc-tools',
);
const describeInTrials = areTrials ? describe : () => {};
const describePython = areTrials ? describeIf(python) : describeInTrials;

type Copy = Awaited<ReturnType<typeof freshCopy>>;
let copy: Copy;
let start: Child;
let output = '';
let gateway: string;
let redisUrl: string;
const ran = new Set<string>();

const bareEnvironment = () =>
  Object.fromEntries(['PATH', 'HOME', 'XDG_CACHE_HOME', 'TERM'].map((name) => [name, process.env[name]]));

/** The entry of a block in BLOCKS; its first line if there is none. */
const entryOf = (document: Document, block: string): string =>
  BLOCKS.find(([of, beginning]) => of === document && block.startsWith(beginning))?.[1] ??
  block.split('\n')[0]!;

const textOf = async (document: Document, firstLine: string): Promise<string> => {
  const text = (await blocksOf(document, 'sh')).find((block) => block.startsWith(firstLine));
  if (text === undefined) throw new Error(`${document} has no block that begins with ${firstLine}`);
  ran.add(`${document}: ${entryOf(document, text)}`);
  return text.replaceAll('127.0.0.1:50051', gateway).replaceAll('redis://127.0.0.1:6379', redisUrl);
};

interface Result {
  code: number | null;
  out: string;
  err: string;
}

const shell = async (
  text: string,
  {
    env = {},
    input = '',
    folder = copy.folder,
  }: { env?: NodeJS.ProcessEnv; input?: string; folder?: string } = {},
): Promise<Result> => {
  await writeFile(join(copy.parent, 'input'), input);
  const child = startChild('bash', ['-c', `exec < "$0"\n${PREAMBLE}${text}`, join(copy.parent, 'input')], {
    cwd: folder,
    env: { ...bareEnvironment(), ...env },
  });
  return resultOf(child);
};

/** Runs a block as pasted. Rejects if it exits with an error. */
const paste = async (
  document: Document,
  firstLine: string,
  options: { env?: NodeJS.ProcessEnv; input?: string } = {},
): Promise<string> => {
  const { code, out, err } = await shell(await textOf(document, firstLine), options);
  if (code !== 0) throw new Error(`${document}: ${firstLine}: exited with ${code}\n${out}${err}`);
  return out;
};

const isOpen = (port: number) =>
  new Promise<boolean>((resolve) => {
    const socket = connect(port, '127.0.0.1', () => resolve(socket.destroy() && true));
    socket.once('error', () => resolve(false));
  });

const untrackedFiles = async () => (await shell('git status --porcelain')).out;

const startAll = async (): Promise<void> => {
  output = '';
  start = startChild('bash', ['-c', `${PREAMBLE}npm ci && npm start`], {
    cwd: copy.folder,
    env: { ...bareEnvironment(), ...FREE_PORTS },
    ownGroup: true,
  });
  start.process.stdout?.on('data', (chunk) => (output += chunk));
  await lineOf(start, (line) => (line.startsWith('Ctrl-C stops') ? line : undefined), 'npm start', 90_000);
};
/** Sends SIGINT to the whole foreground group, npm included, as a terminal does. */
const pressCtrlC = async (): Promise<void> => {
  process.kill(-start.pid, 'SIGINT');
  await start.exited;
};

beforeAll(async () => {
  copy = await freshCopy();
  await startAll();
  ran.add('README.md: npm ci && npm start');
  gateway = /^gateway +ready +(\S+)/m.exec(output)![1]!;
  redisUrl = /^redis +ready +(\S+)/m.exec(output)![1]!;
});
afterAll(async () => {
  if (start.process.exitCode === null && start.process.signalCode === null) await pressCtrlC();
  await copy.dispose();
});

describe('the documents', () => {
  it('have exactly the shell blocks that are listed here', async () => {
    const found = await Promise.all(
      DOCUMENTS.map(async (document) =>
        (await blocksOf(document, 'sh')).map((block) => [document, entryOf(document, block)]),
      ),
    );
    expect(found.flat()).toEqual(BLOCKS.map(([document, beginning]) => [document, beginning]));
  });
});

describe('the README, as pasted', () => {
  it('has npm start print a ready line for each part, and the next command', () => {
    for (const part of ['redis', 'simulator', 'gateway', 'worker'])
      expect(output).toMatch(new RegExp(`^${part} +ready +\\S`, 'm'));
    for (const file of ['key.json', 'gateway-key.json', 'redis/registry-gateway', 'redis/registry-worker'])
      expect(output).toMatch(new RegExp(`^(key file|registry) .* ${copy.folder}/.rekey/${file}\\b`, 'm'));
    expect(output).toContain('npx rekey rotate org_demo ast_1 --wait');
    const token = join(copy.folder, '.rekey/admin.token');
    expect(output).toContain(`Other programs need: GRPC_ADDRESS=${gateway} REDIS_URL=${redisUrl}`);
    expect(output).toContain(` REKEY_TOKEN_FILE=${token}`);
    expect(output).not.toContain('everybody on this machine');
  });

  it('rotates a first key', async () => {
    expect(await paste('README.md', 'npx rekey rotate', { env: AS_PASTED })).toMatch(/state +SUCCEEDED/);
  });

  it('knows who calls: the token that only its owner reads, and nobody else', async () => {
    expect((await stat(join(copy.folder, '.rekey/admin.token'))).mode & 0o777).toBe(0o600);
    const mine = await shell('npx rekey auth whoami');
    expect(mine.out).toMatch(/^principal +jwt:npm-start#admin$/m);
    // An address of its own is another Rekey, to which the token is not sent.
    const nobody = await shell(`npx rekey list --gateway ${gateway.replace('127.0.0.1', 'localhost')}`);
    expect([nobody.code, nobody.err]).toEqual([1, expect.stringContaining('NOT_AUTHENTICATED')]);
  });

  it('opens an event', async () => {
    expect(await paste('README.md', 'npx rekey events')).toMatch(/(org_demo|c)\/ast_\d+ .* secret_key "sk_/);
  });

  it('shows who rotated the key', async () => {
    expect(await paste('README.md', 'npx rekey activity')).toMatch(
      /rotation\.requested +jwt:\S+#admin +org_demo +rotation:rot_\S+ +ast_1/,
    );
  });

  it('demonstrates a lost answer and a consumer, with the simulator alone', async () => {
    const block = await textOf('README.md', 'npx rekey demo');
    const refused = await shell(block, { env: { GRPC_ADDRESS: '127.0.0.1:1', REDIS_URL: redisUrl } });
    expect([refused.code, refused.out, refused.err]).toEqual([
      1,
      '',
      expect.stringContaining('names another Rekey than the npm start in this folder'),
    ]);
    const { code, out, err } = await shell(`${block.trim()} --fast`);
    expect([code, err]).toEqual([0, '']);
    expect(out).toMatch(/^state +RECONCILING$/m);
    expect(out).toMatch(/^consumers +demo-\w+ ACKNOWLEDGED$/m);
    expect(out.match(/Invent computes the same with the key in force/g)).toHaveLength(2);
    expect((await shell('npx rekey consumer list --json')).out).not.toContain('demo-');
  });

  it('runs the doctor, which finds nothing wrong', async () => {
    const findings = (await paste('README.md', 'npx rekey doctor')).trim().split('\n');
    expect(findings.map((line) => line.split(/ {2,}/)[1])).toEqual(
      expect.arrayContaining([
        'gateway',
        'registry',
        'environment',
        'key file',
        'redis',
        'redis durability',
        'ledger',
        'invent',
      ]),
    );
    expect(findings.filter((line) => !line.startsWith('ok '))).toEqual([]);
  });

  it('has bash complete the commands', async () => {
    const tab = `COMP_WORDS=(rekey bulk c); COMP_CWORD=2; _rekey; echo "\${COMPREPLY[*]}"`;
    const { code, out } = await shell(
      `${await textOf('docs/reference/cli.md', 'rekey() {')}\nrekey health --help\ncomplete -p rekey\n${tab}`,
    );
    expect(code).toBe(0);
    expect(out.trim().split('\n')).toEqual(
      expect.arrayContaining([
        expect.stringMatching(/^Usage: rekey health/),
        'complete -o default -F _rekey rekey',
        'create cancel',
      ]),
    );
  });

  it('calls the gateway with buf, by server reflection', async () => {
    expect(JSON.parse(await paste('docs/guides/integrate.md', 'npx buf curl'))).toMatchObject({
      orgId: 'org_demo',
      assistantId: 'ast_2',
      state: 'QUEUED',
    });
  });
});

describe('docs/guides/operate.md, as pasted', () => {
  it('makes the key file of the gateway, which only its owner reads, and git does not see', async () => {
    const env = { REKEY_KEY_FILE: '.rekey/key.json' };
    await paste('docs/guides/operate.md', 'npx rekey key-file gateway', { env });
    expect((await stat(join(copy.folder, 'gateway-key.json'))).mode & 0o777).toBe(0o600);
    expect(await untrackedFiles()).toBe('');
  });
});

/** Removes the consumer: each document adds it for its own reader. */
const startAnew = async (keyFile: string) => {
  await shell('npx rekey consumer remove billing --yes');
  await rm(join(copy.folder, keyFile), { force: true });
};

describe('docs/guides/consumers.md, as pasted', () => {
  it('adds a consumer whose key file only its owner reads, and git does not see', async () => {
    expect(await paste('docs/guides/consumers.md', 'npx rekey consumer keygen')).toMatch(
      /^consumer +billing\nstate +ACTIVE$/m,
    );
    expect((await stat(join(copy.folder, 'billing.json'))).mode & 0o777).toBe(0o600);
    expect(await untrackedFiles()).toBe('');
  });

  it('does the same if the command cannot write the file itself, as in a container', async () => {
    const [, block] = await blocksOf('docs/guides/consumers.md', 'sh');
    const text = block!
      .replaceAll('docker compose exec -T worker rekey', 'npx rekey')
      .replaceAll('billing', 'crm');
    expect(text).toContain('npx rekey consumer keygen - > crm.json');
    const { code, out, err } = await shell(text);
    expect([code, err.replace(/^note: .*\n/gm, '')]).toEqual([0, '']);
    expect(out).toMatch(/^consumer +crm\nstate +ACTIVE$/m);
    expect((await stat(join(copy.folder, 'crm.json'))).mode & 0o777).toBe(0o600);
    await shell('npx rekey consumer remove crm --yes');
  });

  it('warns of a key file that git would add', async () => {
    await mkdir(join(copy.folder, 'docs/new'));
    const { code, err } = await shell('npx rekey consumer keygen docs/new/billing.json');
    expect(code).toBe(0);
    expect(err).toMatch(/^warning: docs\/new\/billing\.json .* git does not ignore it/m);
    await rm(join(copy.folder, 'docs/new'), { recursive: true });
  });
});

/** In the check, e2e/clients/packages.spec.ts packs, installs and uses them, and the examples have specs. */
const RUN_IN_TRIALS = ['libs/subscriber/README.md', 'libs/client/README.md', 'examples/python/README.md'];

describeInTrials("the SDKs' READMEs, as pasted", () => {
  let registry: Awaited<ReturnType<typeof startPackageRegistry>>;
  let service: Child | undefined;
  beforeAll(async () => {
    registry = await startPackageRegistry();
    await startAnew('billing.json');
  });
  afterAll(async () => {
    registry.close();
    await service?.kill();
  });

  it('add the consumer', async () => {
    expect(await paste('libs/subscriber/README.md', 'npx rekey consumer keygen')).toMatch(
      /^consumer +billing\nstate +ACTIVE$/m,
    );
    expect(await untrackedFiles()).toBe('');
  });

  it('install the packages into a service in another folder', async () => {
    const env = {
      npm_config_registry: registry.url,
      npm_config_cache: join(copy.parent, 'npm-cache'),
      npm_config_audit: 'false',
      npm_config_fund: 'false',
      npm_config_update_notifier: 'false',
    };
    await mkdir(join(copy.parent, 'my-service'));
    await paste('libs/subscriber/README.md', 'npm run pack', { env });
    await paste('libs/client/README.md', 'npm run pack', { env });
    const installed = JSON.parse(await readFile(join(copy.parent, 'my-service/package.json'), 'utf8')) as {
      dependencies: object;
    };
    expect(Object.keys(installed.dependencies).toSorted()).toEqual([
      '@rekey/client',
      '@rekey/subscriber',
      'ioredis',
    ]);
    for (const path of ['@rekey/client/index.js', '@rekey/subscriber/index.js', 'ioredis/package.json'])
      expect((await stat(join(copy.parent, 'my-service/node_modules', path))).isFile()).toBe(true);
    expect(await untrackedFiles()).toBe('');
  });

  it('run a service that signs', async () => {
    const [program] = await blocksOf('libs/subscriber/README.md', 'js');
    await writeFile(join(copy.parent, 'my-service/service.mjs'), program!);
    const text = await textOf('libs/subscriber/README.md', 'REDIS_URL=');
    service = startChild('bash', ['-c', text.replace(' node ', ' exec node ')], {
      cwd: copy.folder,
      env: bareEnvironment(),
    });
    expect(
      await lineOf(service, (line) => (line.startsWith('user-42') ? line : undefined), 'the signature'),
    ).toMatch(/^user-42 [0-9a-f]{64} under version \d+$/);
  });

  it('run the examples of the client, with a live consumer', async () => {
    const said = await paste('libs/client/README.md', 'export REKEY_TOKEN_FILE=', {
      env: { GRPC_ADDRESS: gateway },
    });
    expect(said).toMatch(/^rot_\S+ version \d+ is in force since/m);
    expect(said).toMatch(/^blk_\S+ COMPLETED: 2 of 2, 0 failed/m);
    expect(said).toMatch(/^health: SERVING$/m);
  });

  it('have the service end when asked', async () => {
    expect(await service!.stop()).toBe(0);
  });
});

describePython('the README of the examples in Python, as pasted', () => {
  it('runs the examples', async () => {
    await startAnew('billing-key.json');
    expect(await paste('examples/python/README.md', 'npx rekey consumer keygen')).toMatch(
      /^consumer +billing\nstate +ACTIVE$/m,
    );
    expect(await untrackedFiles()).toBe('');
    const env = { PYTHONDONTWRITEBYTECODE: '1', GRPC_ADDRESS: gateway };
    const [ready, signed] = (
      await paste('examples/python/README.md', 'REDIS_URL=', { env, input: 'sign ast_1 user-42\n' })
    )
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(ready).toMatchObject({ ready: true, consumer: 'billing' });
    expect(signed).toMatchObject({
      assistant: 'ast_1',
      user: 'user-42',
      hash: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    const opened = await paste('examples/python/README.md', 'export REKEY_TOKEN_FILE=', {
      env: { ...env, REDIS_URL: redisUrl },
    });
    expect(opened).toMatch(/"secret_key": "sk_/);
  });
});

describe('every block', () => {
  it('was run, except those with a reason, and in the check those of the SDKs', () => {
    const wanted = BLOCKS.filter(
      ([document, , notRun]) =>
        notRun === undefined &&
        (areTrials || !RUN_IN_TRIALS.includes(document)) &&
        (python || document !== 'examples/python/README.md'),
    );
    expect([...ran].toSorted()).toEqual(
      wanted.map(([document, beginning]) => `${document}: ${beginning}`).toSorted(),
    );
  });
});

describe('another start, with a port in use', () => {
  let other: Copy;
  beforeAll(async () => {
    other = await freshCopy();
  });
  afterAll(() => other.dispose());

  const stackTrace = /^\s+at /m;

  const variables: [name: string][] = [
    ['GRPC_ADDRESS'],
    ['REDIS_PORT'],
    ['SIMULATOR_PORT'],
    ['SIMULATOR_ADMIN_PORT'],
    ['WORKER_HEALTH_ADDRESS'],
  ];
  it.each(inCheck(['GRPC_ADDRESS', 'REDIS_PORT'], variables))(
    'npm start in another folder names the port, its owner and %s',
    async (variable) => {
      const port = gateway.split(':')[1]!;
      const { code, out, err } = await shell('npm start', {
        folder: other.folder,
        env: { ...FREE_PORTS, [variable]: variable.endsWith('PORT') ? port : gateway },
      });
      expect(code).toBe(1);
      expect(err).toContain(`port ${port} is in use by process `);
      expect(err).toContain(`, the gateway of another Rekey, in ${JSON.stringify(copy.folder)}`);
      expect(err).toMatch(new RegExp(`[Ss]et ${variable} to another`));
      expect(err + out).not.toMatch(stackTrace);
    },
  );

  it.each([
    ['npm run gateway', 'GRPC_ADDRESS'],
    ['npm run simulator -- --port PORT', '--port'],
    ['npm run simulator -- --port 0 --admin-port PORT', '--admin-port'],
  ])('%s names the port and %s', async (command, what) => {
    const port = gateway.split(':')[1]!;
    const { code, out, err } = await shell(command.replace('PORT', port), {
      folder: other.folder,
      env: { GRPC_ADDRESS: gateway, REDIS_URL: redisUrl },
    });
    expect(code).toBe(1);
    expect(out + err).toContain(`127.0.0.1:${port}`);
    expect(out + err).toContain(what);
    expect(out + err).toContain('another Rekey');
    expect(out + err).not.toMatch(stackTrace);
  });

  const wrong: [name: string, value: string][] = [
    ['GRPC_ADDRESS', 'localhost'],
    ['GRPC_ADDRESS', '127.0.0.1:70000'],
    ['WORKER_HEALTH_ADDRESS', ':8080'],
    ['REDIS_PORT', 'here'],
    ['SIMULATOR_PORT', '70000'],
  ];
  it.each(inCheck(['WORKER_HEALTH_ADDRESS', 'REDIS_PORT'], wrong))(
    'npm start refuses %s=%s as an address',
    async (variable, value) => {
      const { code, out, err } = await shell('npm start', {
        folder: other.folder,
        env: { ...FREE_PORTS, [variable]: value },
      });
      expect(code).toBe(1);
      expect(err).toContain(`${variable}: must be `);
      expect(err + out).not.toMatch(stackTrace);
    },
  );

  it('leaves the first one alone: rekey uses the start of its folder', async () => {
    const { out } = await shell('npx rekey doctor');
    expect(out).toContain(`${gateway} is SERVING`);
    const elsewhere = await shell('npx rekey doctor', {
      folder: other.folder,
      env: { GRPC_ADDRESS: `127.0.0.1:${await freePort()}` },
    });
    expect(elsewhere.code).toBeGreaterThan(0);
    expect(elsewhere.out).not.toContain('taken from the npm start');
  });
});

describe('npm start', () => {
  it('refuses to start twice on the same data', async () => {
    const { code, err } = await shell('npm start', { env: FREE_PORTS });
    expect(code).toBe(1);
    expect(err).toContain('already runs');
  });

  it('ends with Ctrl-C, and leaves no process, no port and no file about itself', async () => {
    const ports = [...output.matchAll(/127\.0\.0\.1:(\d+)/g)].map(([, port]) => Number(port));
    expect(ports.length).toBeGreaterThanOrEqual(4);
    expect(await Promise.all(ports.map(isOpen))).toEqual(ports.map(() => true));
    // An interrupted sweep would delay the sweep of the next start.
    expect((await shell('npx rekey sweep')).code).toBe(0);
    await pressCtrlC();
    expect(await Promise.all(ports.map(isOpen))).toEqual(ports.map(() => false));
    expect(spawnSync('ls', [join(copy.folder, '.rekey')], { encoding: 'utf8' }).stdout).not.toMatch(
      /running|parts/,
    );
  });

  it('starts again on the same data: same keys in the simulator, no change for a sweep', async () => {
    await startAll();
    const { out } = await shell('npx rekey sweep --json');
    const sweeps = out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { state: string; counts: Record<string, number> });
    expect(sweeps.map(({ state }) => state)).toEqual(['SUCCEEDED']);
    expect(sweeps[0]!.counts).toMatchObject({ agreed: 1000, adopted: 0, imported: 0, removed: 0 });
    await pressCtrlC();
  });
});
