import { createWriteStream, renameSync, type WriteStream } from 'node:fs';
import { appendFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { addSigningKey, createKeyFile } from '@rekey/sealing';
import { findRedis, freePort, isPortFree, launchApp, repositoryRoot, startRedis, type App, type LaunchOptions } from '@rekey/testing';

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

/** Starts an app with its log in a file; warnings and errors show on the terminal too. Its unforeseen end ends everything. */
const launch = async (name: 'gateway' | 'worker' | 'simulator', options: LaunchOptions): Promise<App> => {
  const log = createLog(join(dataDir, `${name}.log`));
  const app = await launchApp(name, {
    ...options,
    onLine: (line) => {
      log(line);
      if (/^\{"level":"(warn|error|fatal)"/.test(line)) say(`${name}: ${line}`);
    },
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
  const alive = noted.filter(isAlive);
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

const startOwnRedis = async (): Promise<string> => {
  const binary = await findRedis(say);
  const dir = join(dataDir, 'redis');
  await mkdir(dir, { recursive: true });
  const port = (await isPortFree(6379)) ? 6379 : await freePort();
  const redis = await startRedis({ binary, dir, port, persistence: 'everysec' });
  releases.push({ name: 'redis', release: () => redis.stop() });
  await notePid(redis.pid);
  ready('redis', `${redis.url}  (data in .rekey/redis)`);
  return redis.url;
};

const startSimulator = async (): Promise<Record<string, string>> => {
  if (given('INVENT_BASE_URL')) throw new Error('INVENT_BASE_URL is set, but neither INVENT_API_KEY nor INVENT_API_KEYS_FILE: set one of them, or unset it to use the simulator.');
  const [port, adminPort] = (await isPortFree(4010)) && (await isPortFree(4011)) ? [4010, 4011] : [0, 0];
  const apiKey = given('SIMULATOR_API_KEY') ?? 'simulator-api-key';
  const simulator = await launch('simulator', { args: ['--port', String(port), '--admin-port', String(adminPort)], env: { SIMULATOR_API_KEY: apiKey } });
  ready('simulator', `${simulator.ready['address']}  (stands in for Invent; admin on ${simulator.ready['adminAddress']})`);
  return { INVENT_BASE_URL: simulator.ready['address']!, INVENT_API_KEY: apiKey };
};

try {
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  await takeLock();
  const redisUrl = given('REDIS_URL') ?? (await startOwnRedis());
  const simulated = !given('INVENT_API_KEY') && !given('INVENT_API_KEYS_FILE');
  const upstream = simulated ? await startSimulator() : {};
  const keyFile = given('REKEY_KEY_FILE') ?? join(dataDir, 'key.json');
  if (await createKeyFile(keyFile)) say(`${'key file'.padEnd(10)} made   ${keyFile}  (mode 0600; keep it with the data of Redis)`);
  else if (await addSigningKey(keyFile)) say(`${'key file'.padEnd(10)} has a signing key now   ${keyFile}`);

  const { INVENT_API_KEY: _, ...withoutApiKey } = process.env;
  const gateway = await launch('gateway', { env: { ...withoutApiKey, REDIS_URL: redisUrl } });
  ready('gateway', gateway.ready['address']!);
  const worker = await launch('worker', { env: { ...process.env, ...upstream, REDIS_URL: redisUrl, REKEY_KEY_FILE: keyFile } });
  ready('worker', `up to ${worker.ready['concurrency']} rotations at once`);

  const address = gateway.ready['address'] === '127.0.0.1:50051' ? '' : `GRPC_ADDRESS=${gateway.ready['address']} `;
  // A REDIS_URL that was given may hold a password.
  const redis = redisUrl === 'redis://127.0.0.1:6379' ? '' : given('REDIS_URL') ? 'REDIS_URL=… ' : `REDIS_URL=${redisUrl} `;
  const prefix = given('REKEY_PREFIX') ? `REKEY_PREFIX=${given('REKEY_PREFIX')} ` : '';
  say();
  say(`Rotate a first key:  ${address}npx rekey rotate ${simulated ? 'org_demo ast_1' : 'ORG ASSISTANT'} --wait`);
  say(`Follow new keys:     ${redis}${prefix}npx rekey events`);
  say('Ctrl-C stops everything. Logs are in .rekey/.');
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`);
  await stop(1);
}
