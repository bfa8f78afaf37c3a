import '@rekey/runtime/check-node';
import { appendFileSync, openSync, renameSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import {
  createLineOutput,
  removeRunningStart,
  ignoreOutputErrors,
  writeRunningStart,
  onNpmExit,
  onStopSignal,
  processIdentity,
  openNonBlocking,
  type LineOutput,
} from '@rekey/runtime';
import { complaintAboutVariable, valueOfVariable } from '@rekey/schema';
import { addSigningKey, createKeyFile } from '@rekey/sealing';
import {
  findRedis,
  launchApp,
  repositoryRoot,
  startRedis,
  type App,
  type Child,
  type LaunchOptions,
} from '@rekey/testing';
import { lockFolder } from './folder-lock.ts';
import { choosePort } from './ports.ts';

/*
 * npm start: Redis, simulator, gateway and worker on this machine, each a process of its own, and the next
 * command to type.
 * Every variable of the README's table is taken from the environment and handed on.
 */

const given = (name: string): string | undefined => {
  const value = valueOfVariable(process.env[name]);
  const complaint = value === undefined ? undefined : complaintAboutVariable(name, value);
  if (complaint !== undefined) throw new Error(`${name}: ${complaint}`);
  return value;
};
const dataDir = join(repositoryRoot, '.rekey');
const releases: { name: string; release: () => unknown }[] = [];
let stopping = false;

// A terminal that is closed, a reader such as `head` that has seen enough, or a full disk ends nothing: what
// it is told is lost.
const terminal = createLineOutput(
  () => openNonBlocking(1),
  (count) => `${count} lines could not be shown\n`,
);
ignoreOutputErrors();
const say = (line = '') => terminal.write(`${line}\n`);
const ready = (name: string, what: string) => say(`${name.padEnd(10)} ready  ${what}`);
const note = (name: string, what: string) => say(`${name.padEnd(10)} note   ${what}`);

const stop = async (code: number): Promise<void> => {
  if (stopping) return;
  stopping = true;
  // What begins meanwhile is ended too.
  for (let last = releases.pop(); last; last = releases.pop()) await last.release();
  process.exit(code);
};

/** Never resolves once the end has begun: what is not started yet is not to be. */
const unlessStopping = (): Promise<void> => (stopping ? new Promise(() => {}) : Promise.resolve());

const onSignal = () => {
  say('\nstopping …');
  void stop(0);
};
onStopSignal(onSignal, () => process.exit(1));
onNpmExit(onSignal);
// Whatever happens here, the parts end in order: Redis keeps what it was given.
process.on('uncaughtException', (error) => {
  process.stderr.write(`${error.message}\n`);
  void stop(1);
});

const LOG_BYTES = 16 * 1024 * 1024;

/**
 * Appends to a file; when it is full it becomes FILE.1, and a new one is begun. What the disk has no room for
 * is left out.
 */
const createLog = (path: string): ((line: string) => void) => {
  const open = (): LineOutput =>
    createLineOutput(
      () => openSync(path, 'a', 0o600),
      (count, code) => `${count} lines are missing here: the file could not be written (${code})\n`,
    );
  let output = open();
  let bytes = 0;
  return (line) => {
    output.write(`${line}\n`);
    bytes += line.length + 1;
    if (bytes < LOG_BYTES) return;
    bytes = 0;
    output.close();
    try {
      renameSync(path, `${path}.1`);
    } catch {
      // It was removed, or stays as it is and grows.
    }
    output = open();
  };
};

/** An app that cannot start says why in plain words, on standard error; its log has it too. */
const isComplaint = (line: string): boolean => !line.startsWith('{') && line.trim() !== '';

/**
 * Starts an app with its log in a file; warnings and errors show on the terminal too. Its unforeseen end ends
 * everything.
 */
const launch = async (name: 'gateway' | 'worker' | 'simulator', options: LaunchOptions): Promise<App> => {
  await unlessStopping();
  const log = createLog(join(dataDir, `${name}.log`));
  const complaints: string[] = [];
  const app = await launchApp(name, {
    ...options,
    onSpawn: (child) => own(name, child),
    onLine: (line) => {
      log(line);
      if (isComplaint(line)) complaints.push(line);
      else if (/^\{"level":"(warn|error|fatal)"/.test(line)) say(`${name}: ${line}`);
    },
  }).catch((error: Error) => {
    throw complaints.length > 0
      ? new Error(
          complaints
            .map((line) => (line.startsWith(`${name}:`) || line.startsWith(' ') ? line : `${name}: ${line}`))
            .join('\n'),
        )
      : error;
  });
  void app.child.exited.then(({ code, signal }) => {
    if (stopping) return;
    say(`${name} ended with ${signal ?? code}; its log is .rekey/${name}.log`);
    void stop(1);
  });
  return app;
};

const PARTS = join(dataDir, 'parts');
const STOP_WITHIN_MS = 60_000;

/**
 * Has a part ended in order, whenever that may be, and notes it for a later start: a killed launcher leaves
 * it behind.
 */
const own = (name: string, child: Child): void => {
  releases.push({ name, release: () => child.stop(STOP_WITHIN_MS) });
  appendFileSync(
    PARTS,
    `${JSON.stringify({ name, pid: child.pid, identity: processIdentity(child.pid) })}\n`,
  );
};

interface Part {
  name: string;
  pid: number;
  identity?: string;
}

/**
 * What a killed launcher left behind and still runs. A number that is another process's by now is not named.
 */
const leftBehind = async (): Promise<Part[]> => {
  const noted = (await readFile(PARTS, 'utf8').catch(() => '')).split('\n').flatMap((line): Part[] => {
    try {
      return [JSON.parse(line) as Part];
    } catch {
      return [];
    }
  });
  return noted.filter(({ pid, identity }) => identity !== undefined && identity === processIdentity(pid));
};

/** Two at once would write to the same data: also what a launcher left behind that was killed. */
const takeLock = async (): Promise<void> => {
  const lock = await lockFolder(join(dataDir, 'lock'));
  if ('heldBy' in lock) {
    const { heldBy } = lock;
    if (heldBy?.identity !== undefined && heldBy.identity === processIdentity(heldBy.pid))
      throw new Error(
        `npm start runs already here, as process ${heldBy.pid}. End it with Ctrl-C in its terminal, or: kill ${heldBy.pid}`,
      );
    throw new Error(
      `npm start runs already here${heldBy ? `, on ${JSON.stringify(heldBy.host)}, perhaps in a container` : ''}. End it with Ctrl-C in its terminal.`,
    );
  }
  if ('forbidden' in lock) {
    throw new Error(
      `npm start runs already here as another user, or was killed and left ${lock.forbidden} behind, which this user may not open. If it does not run, remove that file.`,
    );
  }
  if ('unsupported' in lock)
    note('lock', `none (${lock.unsupported}): do not run npm start in this folder twice at once`);
  else releases.push({ name: 'lock', release: lock.release });
  const left = await leftBehind();
  if (left.length > 0)
    throw new Error(
      `npm start was killed and left processes behind: ${left.map(({ name, pid }) => `${name} (${pid})`).join(', ')}. End them: kill ${left.map(({ pid }) => pid).join(' ')}`,
    );
  await writeFile(PARTS, '', { mode: 0o600 });
  releases.push({ name: 'parts', release: () => rm(PARTS, { force: true }) });
};

/**
 * The simulator's assistants and the real ones are never in the same ledger: each would look gone to the
 * other.
 */
const startOwnRedis = async (simulated: boolean): Promise<string> => {
  const folder = simulated ? 'redis' : 'redis-invent';
  const binary = await findRedis(say);
  await unlessStopping();
  const port = await choosePort({
    variable: 'REDIS_PORT',
    given: given('REDIS_PORT'),
    preferred: 6379,
    onTaken: (message) => note('redis', message),
  });
  const dir = join(dataDir, folder);
  await mkdir(dir, { recursive: true });
  const redis = await startRedis({
    binary,
    dir,
    port,
    persistence: 'everysec',
    onSpawn: (child) => own('redis', child),
  });
  ready('redis', `${redis.url}  (data in .rekey/${folder})`);
  return redis.url;
};

const startSimulator = async (): Promise<Record<string, string>> => {
  if (given('INVENT_BASE_URL'))
    throw new Error(
      'INVENT_BASE_URL is set, but neither INVENT_API_KEY nor INVENT_API_KEYS_FILE: set one of them, or unset it to use the simulator.',
    );
  const onTaken = (message: string) => note('simulator', message);
  const port = await choosePort({
    variable: 'SIMULATOR_PORT',
    given: given('SIMULATOR_PORT'),
    preferred: 4010,
    onTaken,
  });
  const adminPort = await choosePort({
    variable: 'SIMULATOR_ADMIN_PORT',
    given: given('SIMULATOR_ADMIN_PORT'),
    preferred: 4011,
    onTaken,
  });
  const apiKey = given('SIMULATOR_API_KEY') ?? 'simulator-api-key';
  const simulator = await launch('simulator', {
    args: [
      '--port',
      String(port),
      '--admin-port',
      String(adminPort),
      '--keep',
      join(dataDir, 'simulator.jsonl'),
    ],
    env: { SIMULATOR_API_KEY: apiKey },
  });
  ready(
    'simulator',
    `${simulator.ready['address']}  (stands in for Invent; admin on ${simulator.ready['adminAddress']})`,
  );
  return { INVENT_BASE_URL: simulator.ready['address']!, INVENT_API_KEY: apiKey };
};

const gatewayAddress = async (): Promise<string> =>
  given('GRPC_ADDRESS') ??
  `127.0.0.1:${await choosePort({ variable: 'GRPC_ADDRESS', given: undefined, preferred: 50051, onTaken: (message) => note('gateway', message) })}`;

/** An address that listens everywhere is reached on loopback. */
const reachable = (address: string): string =>
  address.replace(/^0\.0\.0\.0:/, '127.0.0.1:').replace(/^\[::\]:/, '[::1]:');

const DEFAULTS: Record<string, string> = {
  GRPC_ADDRESS: '127.0.0.1:50051',
  REDIS_URL: 'redis://127.0.0.1:6379',
  REKEY_PREFIX: 'rekey',
};

/**
 * What `rekey` takes from a running start. What may hold a secret is left out, but for the key of the
 * simulator.
 */
const noteEnvironment = async (
  environment: Record<string, string | undefined>,
  secrets: string[],
): Promise<void> => {
  const path = join(dataDir, 'running.json');
  const set = Object.entries(environment).filter(
    (entry): entry is [string, string] => entry[1] !== undefined && !secrets.includes(entry[0]),
  );
  await writeRunningStart(path, {
    pid: process.pid,
    environment: Object.fromEntries(set),
    withheld: secrets,
  });
  releases.push({ name: 'note', release: () => removeRunningStart(path) });
};

const PASSED_ON = ['REKEY_PREFIX', 'INVENT_BASE_URL', 'INVENT_PLAIN_HTTP_HOSTS'];

try {
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  await takeLock();
  const simulated = !given('INVENT_API_KEY') && !given('INVENT_API_KEYS_FILE');
  const redisUrl = given('REDIS_URL') ?? (await startOwnRedis(simulated));
  const upstream = simulated ? await startSimulator() : {};
  const keyFile = resolve(given('REKEY_KEY_FILE') ?? join(dataDir, 'key.json'));
  if (await createKeyFile(keyFile))
    say(`${'key file'.padEnd(10)} made   ${keyFile}  (mode 0600; keep it with the data of Redis)`);
  else if (await addSigningKey(keyFile)) say(`${'key file'.padEnd(10)} has a signing key now   ${keyFile}`);

  const { INVENT_API_KEY: _, ...withoutApiKey } = process.env;
  const gateway = await launch('gateway', {
    env: { ...withoutApiKey, REDIS_URL: redisUrl, GRPC_ADDRESS: await gatewayAddress() },
  });
  ready('gateway', gateway.ready['address']!);
  const worker = await launch('worker', {
    env: { ...process.env, ...upstream, REDIS_URL: redisUrl, REKEY_KEY_FILE: keyFile },
  });
  ready('worker', `up to ${worker.ready['concurrency']} rotations at once`);

  const environment: Record<string, string | undefined> = {
    GRPC_ADDRESS: reachable(gateway.ready['address']!),
    REDIS_URL: redisUrl,
    REKEY_KEY_FILE: keyFile,
    ...Object.fromEntries(PASSED_ON.map((name) => [name, given(name)])),
    ...(given('INVENT_API_KEYS_FILE') && { INVENT_API_KEYS_FILE: resolve(given('INVENT_API_KEYS_FILE')!) }),
    ...upstream,
  };
  // A REDIS_URL that was given may hold a password.
  const secrets = [
    ...(URL.parse(redisUrl)?.password ? ['REDIS_URL'] : []),
    ...(given('INVENT_API_KEY') ? ['INVENT_API_KEY'] : []),
  ];
  await noteEnvironment(environment, secrets);

  const differing = Object.keys(DEFAULTS).filter(
    (name) => environment[name] !== undefined && environment[name] !== DEFAULTS[name],
  );
  say();
  say(`Rotate a first key:  npx rekey rotate ${simulated ? 'org_demo ast_1' : 'ORG ASSISTANT'} --wait`);
  say('Follow new keys:     npx rekey events');
  say('Is everything well?  npx rekey doctor');
  if (differing.length > 0)
    say(
      `Other programs need: ${differing.map((name) => `${name}=${secrets.includes(name) ? '…' : environment[name]}`).join(' ')}`,
    );
  say('Ctrl-C stops everything. Logs are in .rekey/.');
} catch (error) {
  // A part that is stopped while it starts does not get ready.
  if (!stopping) process.stderr.write(`${(error as Error).message}\n`);
  await stop(1);
}
