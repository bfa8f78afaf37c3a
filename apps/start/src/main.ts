import { createWriteStream, renameSync, type WriteStream } from 'node:fs';
import { appendFile, mkdir, readFile, readlink, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { forgetRunningStart, noteRunningStart } from '@rekey/runtime';
import { addSigningKey, createKeyFile } from '@rekey/sealing';
import { findRedis, launchApp, repositoryRoot, startRedis, type App, type LaunchOptions } from '@rekey/testing';
import { choosePort } from './ports.ts';

/*
 * npm start: Redis, simulator, gateway and worker on this machine, each a process of its own, and the next command to type.
 * Every variable of the README's table is taken from the environment and handed on.
 */

const given = (name: string): string | undefined => process.env[name] || undefined;
const dataDir = join(repositoryRoot, '.rekey');
const releases: { name: string; release: () => Promise<unknown> }[] = [];
let stopping = false;

const say = (line = '') => process.stdout.write(`${line}\n`);
const ready = (name: string, what: string) => say(`${name.padEnd(10)} ready  ${what}`);
const note = (name: string, what: string) => say(`${name.padEnd(10)} note   ${what}`);

const stop = async (code: number): Promise<void> => {
  if (stopping) return;
  stopping = true;
  for (const { release } of releases.toReversed()) await release();
  process.exit(code);
};

const onSignal = () => {
  if (stopping) process.exit(1);
  say('\nstopping …');
  void stop(0);
};
process.on('SIGINT', onSignal);
process.on('SIGTERM', onSignal);
process.on('SIGHUP', onSignal);

const LOG_BYTES = 16 * 1024 * 1024;

/** Appends to a file; when it is full it becomes FILE.1, and a new one is begun. */
const createLog = (path: string): ((line: string) => void) => {
  const open = () => createWriteStream(path, { flags: 'a', mode: 0o600 });
  let stream: WriteStream = open();
  let bytes = 0;
  return (line) => {
    stream.write(`${line}\n`);
    bytes += line.length + 1;
    if (bytes < LOG_BYTES) return;
    stream.end();
    renameSync(path, `${path}.1`);
    stream = open();
    bytes = 0;
  };
};

/** Of what an app writes that cannot start, what says why: a fatal line of the log without a stack, or a line that is not of the log. */
const complaintOf = (line: string): string | undefined => {
  if (!line.startsWith('{')) return line.trim() === '' ? undefined : line;
  const { level, msg, err } = JSON.parse(line) as { level?: string; msg?: string; err?: object };
  return level === 'fatal' && err === undefined ? msg : undefined;
};

/** Starts an app with its log in a file; warnings and errors show on the terminal too. Its unforeseen end ends everything. */
const launch = async (name: 'gateway' | 'worker' | 'simulator', options: LaunchOptions): Promise<App> => {
  const log = createLog(join(dataDir, `${name}.log`));
  const complaints: string[] = [];
  const app = await launchApp(name, {
    ...options,
    onLine: (line) => {
      log(line);
      const complaint = complaintOf(line);
      if (complaint !== undefined) complaints.push(complaint);
      else if (/^\{"level":"(warn|error|fatal)"/.test(line)) say(`${name}: ${line}`);
    },
  }).catch((error: Error) => {
    throw complaints.length > 0 ? new Error(complaints.map((line) => (line.startsWith(`${name}:`) || line.startsWith(' ') ? line : `${name}: ${line}`)).join('\n')) : error;
  });
  releases.push({ name, release: () => app.child.stop(60_000) });
  await notePid(app.child.pid);
  void app.child.exited.then(({ code, signal }) => {
    if (stopping) return;
    say(`${name} ended with ${signal ?? code}; its log is .rekey/${name}.log`);
    void stop(1);
  });
  return app;
};

const pidFile = join(dataDir, 'pids');
const notePid = (pid: number) => appendFile(pidFile, `${pid}\n`);

/** Two at once would write to the same data: also what a launcher left behind that was killed. */
const takeLock = async (): Promise<void> => {
  const noted = (await readFile(pidFile, 'utf8').catch(() => '')).split('\n').map(Number).filter((pid) => pid > 0);
  const alive: number[] = [];
  for (const pid of noted) if (isAlive(pid) && (await isOfThisFolder(pid))) alive.push(pid);
  if (alive.length > 0) throw new Error(`npm start runs already here, or was killed and left processes behind. End them: kill ${alive.join(' ')}`);
  await writeFile(pidFile, `${process.pid}\n`);
  releases.push({ name: 'lock', release: () => rm(pidFile) });
};

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

/** After a restart of the machine a number may be another process's. Elsewhere than on Linux nobody can tell. */
const isOfThisFolder = async (pid: number): Promise<boolean> => {
  const [words, folder] = await Promise.all([readFile(`/proc/${pid}/cmdline`, 'utf8'), readlink(`/proc/${pid}/cwd`)]).catch(() => [repositoryRoot, repositoryRoot]);
  return words.includes(repositoryRoot) || `${folder}/`.startsWith(repositoryRoot);
};

/** The simulator's assistants and the real ones are never in the same ledger: each would look gone to the other. */
const startOwnRedis = async (simulated: boolean): Promise<string> => {
  const folder = simulated ? 'redis' : 'redis-invent';
  const binary = await findRedis(say);
  const port = await choosePort({ variable: 'REDIS_PORT', given: given('REDIS_PORT'), preferred: 6379, onTaken: (message) => note('redis', message) });
  const dir = join(dataDir, folder);
  await mkdir(dir, { recursive: true });
  const redis = await startRedis({ binary, dir, port, persistence: 'everysec' });
  releases.push({ name: 'redis', release: () => redis.stop() });
  await notePid(redis.pid);
  ready('redis', `${redis.url}  (data in .rekey/${folder})`);
  return redis.url;
};

const startSimulator = async (): Promise<Record<string, string>> => {
  if (given('INVENT_BASE_URL')) throw new Error('INVENT_BASE_URL is set, but neither INVENT_API_KEY nor INVENT_API_KEYS_FILE: set one of them, or unset it to use the simulator.');
  const onTaken = (message: string) => note('simulator', message);
  const port = await choosePort({ variable: 'SIMULATOR_PORT', given: given('SIMULATOR_PORT'), preferred: 4010, onTaken });
  const adminPort = await choosePort({ variable: 'SIMULATOR_ADMIN_PORT', given: given('SIMULATOR_ADMIN_PORT'), preferred: 4011, onTaken });
  const apiKey = given('SIMULATOR_API_KEY') ?? 'simulator-api-key';
  const simulator = await launch('simulator', { args: ['--port', String(port), '--admin-port', String(adminPort), '--keep', join(dataDir, 'simulator.jsonl')], env: { SIMULATOR_API_KEY: apiKey } });
  ready('simulator', `${simulator.ready['address']}  (stands in for Invent; admin on ${simulator.ready['adminAddress']})`);
  return { INVENT_BASE_URL: simulator.ready['address']!, INVENT_API_KEY: apiKey };
};

const gatewayAddress = async (): Promise<string> =>
  given('GRPC_ADDRESS') ?? `127.0.0.1:${await choosePort({ variable: 'GRPC_ADDRESS', given: undefined, preferred: 50051, onTaken: (message) => note('gateway', message) })}`;

/** An address that listens everywhere is reached on loopback. */
const reachable = (address: string): string => address.replace(/^0\.0\.0\.0:/, '127.0.0.1:').replace(/^\[::\]:/, '[::1]:');

const DEFAULTS: Record<string, string> = { GRPC_ADDRESS: '127.0.0.1:50051', REDIS_URL: 'redis://127.0.0.1:6379', REKEY_PREFIX: 'rekey' };

/** What `rekey` takes from a running start. What may hold a secret is left out, but for the key of the simulator. */
const noteEnvironment = async (environment: Record<string, string | undefined>, secrets: string[]): Promise<void> => {
  const path = join(dataDir, 'running.json');
  const set = Object.entries(environment).filter((entry): entry is [string, string] => entry[1] !== undefined && !secrets.includes(entry[0]));
  await noteRunningStart(path, { pid: process.pid, environment: Object.fromEntries(set), withheld: secrets });
  releases.push({ name: 'note', release: () => forgetRunningStart(path) });
};

const PASSED_ON = ['REKEY_PREFIX', 'INVENT_BASE_URL', 'INVENT_PLAIN_HTTP_HOSTS'];

try {
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  await takeLock();
  const simulated = !given('INVENT_API_KEY') && !given('INVENT_API_KEYS_FILE');
  const redisUrl = given('REDIS_URL') ?? (await startOwnRedis(simulated));
  const upstream = simulated ? await startSimulator() : {};
  const keyFile = resolve(given('REKEY_KEY_FILE') ?? join(dataDir, 'key.json'));
  if (await createKeyFile(keyFile)) say(`${'key file'.padEnd(10)} made   ${keyFile}  (mode 0600; keep it with the data of Redis)`);
  else if (await addSigningKey(keyFile)) say(`${'key file'.padEnd(10)} has a signing key now   ${keyFile}`);

  const { INVENT_API_KEY: _, ...withoutApiKey } = process.env;
  const gateway = await launch('gateway', { env: { ...withoutApiKey, REDIS_URL: redisUrl, GRPC_ADDRESS: await gatewayAddress() } });
  ready('gateway', gateway.ready['address']!);
  const worker = await launch('worker', { env: { ...process.env, ...upstream, REDIS_URL: redisUrl, REKEY_KEY_FILE: keyFile } });
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
  const secrets = [...(new URL(redisUrl).password ? ['REDIS_URL'] : []), ...(given('INVENT_API_KEY') ? ['INVENT_API_KEY'] : [])];
  await noteEnvironment(environment, secrets);

  const differing = Object.keys(DEFAULTS).filter((name) => environment[name] !== undefined && environment[name] !== DEFAULTS[name]);
  say();
  say(`Rotate a first key:  npx rekey rotate ${simulated ? 'org_demo ast_1' : 'ORG ASSISTANT'} --wait`);
  say('Follow new keys:     npx rekey events');
  say('Is everything well?  npx rekey doctor');
  if (differing.length > 0) say(`Other programs need: ${differing.map((name) => `${name}=${secrets.includes(name) ? '…' : environment[name]}`).join(' ')}`);
  say('Ctrl-C stops everything. Logs are in .rekey/.');
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`);
  await stop(1);
}
