import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { addSigningKey, createKeyFile } from '@rekey/sealing';
import type { Launcher } from './launcher/launcher.ts';
import { takeLock } from './launcher/take-lock.ts';
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
  const redis = givenRedis() ?? ownRedis(await startOwnRedis(launcher, simulated));
  const upstream = simulated ? await startSimulator(launcher) : {};
  const keyFile = await provideKeyFile(launcher);
  const gatewayAddress = await startGateway(launcher, redis.variables);
  const worker = await launcher.launch('worker', {
    env: { ...environmentOf('worker'), ...upstream, ...redis.variables, REKEY_KEY_FILE: keyFile },
  });
  launcher.terminal.ready('worker', `up to ${worker.ready['concurrency']} rotations at once`);

  const environment = describeEnvironment({ gatewayAddress, redis, keyFile, upstream });
  await publishEnvironment(launcher, environment);
  printNextSteps(launcher, simulated, nonDefaults(environment));
};

const ownRedis = (url: string) => ({ url, variables: { REDIS_URL: url } });

const provideKeyFile = async ({ dataDir, terminal }: Launcher): Promise<string> => {
  const keyFile = resolve(readVariable('REKEY_KEY_FILE') ?? join(dataDir, 'key.json'));
  if (await createKeyFile(keyFile))
    terminal.say(`key file   created ${keyFile}  (mode 0600; back it up with the data of Redis)`);
  else if (await addSigningKey(keyFile, { mounted: readVariable('REKEY_MOUNTED_SECRETS') === 'true' }))
    terminal.say(`key file   added a signing key to ${keyFile}`);
  return keyFile;
};

const startGateway = async (
  { launch, terminal }: Launcher,
  redis: Record<string, string>,
): Promise<string> => {
  const address = readVariable('GRPC_ADDRESS') ?? `127.0.0.1:${await chooseGatewayPort(terminal.note)}`;
  const gateway = await launch('gateway', {
    env: { ...environmentOf('gateway'), ...redis, GRPC_ADDRESS: address },
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
  say('Check the system:    npx rekey doctor');
  if (needed.length > 0) say(`Other programs need: ${needed.join(' ')}`);
  say('Ctrl-C stops everything. Logs are in .rekey/.');
};
