import { existsSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { addSigningKey, createGatewayKeyFile, createKeyFile, loadKeyFile } from '@rekey/sealing';
import type { Launcher } from './launcher/launcher.ts';
import { takeLock } from './launcher/take-lock.ts';
import { provideAccess } from './services/access.ts';
import { environmentOf, givenRedis, hasApiKeys, readVariable } from './services/environment.ts';
import { choosePort } from './services/ports.ts';
import { startOwnRedis } from './services/redis.ts';
import { describeEnvironment, nonDefaults, publishEnvironment } from './services/running-environment.ts';
import { startSimulator } from './services/simulator.ts';

/**
 * Starts Redis, simulator, gateway and worker on this machine, each as a process of its own, and prints the
 * next command. Each gets the variables of the environment that it needs, and no others.
 */
export const startSystem = async (launcher: Launcher): Promise<void> => {
  await mkdir(launcher.dataDir, { recursive: true, mode: 0o700 });
  await takeLock(launcher);
  const simulated = !hasApiKeys();
  const redis: RunningRedis = givenRedis() ?? ownRedis(await startOwnRedis(launcher, simulated));
  const mounted = readVariable('REKEY_MOUNTED_SECRETS') === 'true';
  const simulator = simulated ? await startSimulator(launcher) : undefined;
  const upstream = simulator?.variables ?? {};
  const keyFile = await provideKeyFile(launcher, mounted);
  const gatewayKeyFile = await provideGatewayKeyFile(launcher, keyFile, mounted);
  const memory = { gateway: memoryOf('gateway', redis.folder), worker: memoryOf('worker', redis.folder) };
  sayNewMemory(launcher, Object.values(memory));
  const access = await provideAccess(launcher);
  const gatewayAddress = await startGateway(launcher, {
    ...redis.variables,
    ...access.variables,
    ...memory.gateway,
    REKEY_GATEWAY_KEY_FILE: gatewayKeyFile,
  });
  const worker = await launcher.launch('worker', {
    env: {
      ...environmentOf('worker'),
      ...upstream,
      ...redis.variables,
      ...memory.worker,
      REKEY_KEY_FILE: keyFile,
    },
  });
  launcher.terminal.ready('worker', `up to ${worker.ready['concurrency']} rotations at once`);

  const environment = describeEnvironment({
    gatewayAddress,
    redis,
    keyFile,
    gatewayKeyFile,
    callers: access.callers,
    upstream,
  });
  await publishEnvironment(launcher, environment, simulator?.adminAddress);
  printNextSteps(launcher, simulated, nonDefaults(environment));
};

interface RunningRedis {
  url: string;
  variables: Record<string, string>;
  /** The folder of its data, if it was started here. */
  folder?: string;
}

const ownRedis = ({ url, folder }: { url: string; folder: string }): RunningRedis => ({
  url,
  folder,
  variables: { REDIS_URL: url },
});

/**
 * The file in which a process remembers the registry of consumers: beside the data that it belongs to. A user
 * who has a Redis elsewhere has to say where.
 */
const memoryOf = (part: string, folder: string | undefined): Record<string, string> =>
  folder === undefined || readVariable('REKEY_REGISTRY_MEMORY') !== undefined
    ? {}
    : { REKEY_REGISTRY_MEMORY: join(folder, `registry-${part}`) };

/** The processes create these files themselves, beside the data of Redis. */
const sayNewMemory = ({ terminal }: Launcher, memory: Record<string, string>[]): void => {
  const created = memory.flatMap((variables) => Object.values(variables)).filter((path) => !existsSync(path));
  if (created.length > 0)
    terminal.say(`registry   remembered in ${created.join(' and ')}  (keep them with the data of Redis)`);
};

const provideKeyFile = async ({ dataDir, terminal }: Launcher, mounted: boolean): Promise<string> => {
  const keyFile = resolve(readVariable('REKEY_KEY_FILE') ?? join(dataDir, 'key.json'));
  if (await createKeyFile(keyFile))
    terminal.say(`key file   created ${keyFile}  (mode 0600; back it up with the data of Redis)`);
  else if (await addSigningKey(keyFile, { mounted }))
    terminal.say(`key file   added a signing key to ${keyFile}`);
  return keyFile;
};

/**
 * The key file of the gateway follows from that of the worker. One of `npm start` is written at each start.
 * The user's own is not: `rekey status` says if it does not fit.
 */
const provideGatewayKeyFile = async (
  { dataDir, terminal }: Launcher,
  keyFile: string,
  mounted: boolean,
): Promise<string> => {
  const given = readVariable('REKEY_GATEWAY_KEY_FILE');
  const path = resolve(given ?? join(dataDir, 'gateway-key.json'));
  const loaded = await loadKeyFile(keyFile, { variable: 'REKEY_KEY_FILE', mounted });
  const isNew = !existsSync(path);
  if (given === undefined) await rm(path, { force: true });
  await createGatewayKeyFile(path, loaded);
  if (isNew) terminal.say(`key file   created ${path} for the gateway  (mode 0600)`);
  return path;
};

const startGateway = async (
  { launch, terminal }: Launcher,
  variables: Record<string, string>,
): Promise<string> => {
  const address = readVariable('GRPC_ADDRESS') ?? `127.0.0.1:${await chooseGatewayPort(terminal.note)}`;
  const gateway = await launch('gateway', {
    env: { ...environmentOf('gateway'), ...variables, GRPC_ADDRESS: address },
  });
  terminal.ready('gateway', gateway.ready['address']!);
  return gateway.ready['address']!;
};

const chooseGatewayPort = (note: (part: string, message: string) => void): Promise<number> =>
  choosePort({
    variable: 'GRPC_ADDRESS',
    given: undefined,
    preferred: 50051,
    onTaken: (message) => note('gateway', message),
  });

const printNextSteps = ({ terminal: { say } }: Launcher, simulated: boolean, needed: string[]): void => {
  say();
  say(`Rotate a first key:  npx rekey rotate ${simulated ? 'org_demo ast_1' : 'ORG ASSISTANT'} --wait`);
  say('Follow new keys:     npx rekey events');
  if (simulated) say('See what it does:    npx rekey demo');
  say('Check the system:    npx rekey doctor');
  if (needed.length > 0) say(`Other programs need: ${needed.join(' ')}`);
  say('Ctrl-C stops everything. Logs are in .rekey/.');
};
