import {
  readOrgName,
  type Ledger,
  type Registry,
  type RegistryEvent,
  type RegistryOptions,
  type RegistryProblem,
} from '@rekey/ledger';
import type { Logger, Shutdown } from '@rekey/runtime';
import type { ErrorCode } from '@rekey/schema';
import { loadGatewayKeyFile, type GatewayKeyFile } from '@rekey/sealing';
import type { Redis } from 'ioredis';
import type { GatewayEnvironment } from '../config.ts';

/** Undefined if none is configured: the gateway then serves everything but consumers. */
export const loadKeyFile = async (
  config: GatewayEnvironment,
  logger: Logger,
): Promise<GatewayKeyFile | undefined> => {
  if (config.REKEY_GATEWAY_KEY_FILE === undefined) {
    logger.event('gateway_key_file_missing');
    return undefined;
  }
  const keyFile = await loadGatewayKeyFile(config.REKEY_GATEWAY_KEY_FILE, {
    variable: 'REKEY_GATEWAY_KEY_FILE',
    mounted: config.REKEY_MOUNTED_SECRETS,
  });
  if (keyFile.exposed) logger.event('gateway_key_file_exposed');
  return keyFile;
};

const fieldsOf = ({ code, subject, detail }: RegistryProblem) => ({ code, subject, detail });

const reportTo =
  (logger: Logger) =>
  (event: RegistryEvent): void => {
    switch (event.kind) {
      case 'repaired':
        return logger.event('registry_repaired', { why: event.why, names: event.names, rev: event.rev });
      case 'begun':
        return logger.event('registry_problem', fieldsOf(event.problem));
      case 'over':
        return logger.event('registry_problem_over', fieldsOf(event.problem));
      case 'memory-failed':
        return logger.event('registry_memory_failed', { err: event.err });
    }
  };

export const registryOptions = (
  keyFile: GatewayKeyFile | undefined,
  config: GatewayEnvironment,
  logger: Logger,
): RegistryOptions => ({
  key: keyFile?.registryKey,
  memoryPath: config.REKEY_REGISTRY_MEMORY,
  minRev: config.REKEY_REGISTRY_MIN_REV,
  report: reportTo(logger),
});

const LOOK_EVERY_MS = 2000;

/** Looks at the registry again and again: without a call, the gateway also notices what was changed. */
export const followRegistry = (
  { registry }: Ledger,
  subscriber: Redis,
  logger: Logger,
  shutdown: Shutdown,
): void => {
  const onError = (err: unknown) => logger.event('registry_unreadable', { err });
  registry.listen(subscriber, onError);
  const looking = registry.startLooking(LOOK_EVERY_MS, onError);
  shutdown.defer('registry', () => looking.close());
};

const LOOK_AT_PROOFS_EVERY_MS = 1000;

/**
 * Why no rotation is accepted: another client replaces the registry again and again, and no worker proves
 * that it knows the true one. The new key could be sealed for a consumer that was removed.
 */
export const watchContest = (
  { registry, processes }: Pick<Ledger, 'registry' | 'processes'>,
  shutdown: Shutdown,
): (() => ErrorCode | undefined) => {
  let isProved = true;
  const look = async (): Promise<void> => {
    isProved = !registry.isContested() || registry.isProved(await processes.list());
  };
  // While Redis is away no call is served.
  const timer = setInterval(() => void look().catch(() => {}), LOOK_AT_PROOFS_EVERY_MS);
  shutdown.defer('registry contest', () => clearInterval(timer));
  return () => (registry.isContested() && !isProved ? 'REGISTRY_CONTESTED' : undefined);
};

/**
 * Reads which org `c` stands for. A gateway without a key file takes the note of the ledger, which nothing
 * proves: nobody is sealed for by that name.
 */
export const createReadOrgName =
  ({ registry, keys }: Ledger, redis: Redis): (() => Promise<string>) =>
  async () => {
    if (registry.untrusted() === 'REGISTRY_KEY_MISSING') return readOrgName(redis, keys);
    await registry.look();
    return registry.alias();
  };

/** The proof in the presence of this process that it has read the registry. */
export const provedBy = (registry: Registry, processId: string): { registry?: string } => {
  const proof = registry.presence(processId);
  return proof === undefined ? {} : { registry: proof };
};
