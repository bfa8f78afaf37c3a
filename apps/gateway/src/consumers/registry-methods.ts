import { createHash } from 'node:crypto';
import type { Processes, Registry, TrustCandidate } from '@rekey/ledger';
import { MAX_CONSUMERS, RekeyError } from '@rekey/schema';
import { SealError, parseConsumerKey, thumbprintOf } from '@rekey/sealing';
import { defineRpc, type RpcTable } from '../pipeline/rpc.ts';
import { Empty } from '../requests/fields.ts';
import { GetRegistry, TrustRegistry } from './consumer-requests.ts';

export interface RegistryMethodDeps {
  registry: Registry;
  processes: Processes;
  /** From the key file of the gateway; undefined without one. */
  publicJwk: object | undefined;
}

/** Of what an entry may hold 1000, or of any length. */
const SHOWN_ORGS = 20;
const SHOWN_CHARACTERS = 64;
const SHOWN_SILENT = 20;

/** What an operator compares: the thumbprint of the key, or what a sealed key says of itself. */
const keyFieldsOf = async (key: Record<string, unknown> & { kid: string }) => {
  if (key['kty'] === 'oct')
    return { keyType: 'shared', keyThumbprint: key.kid.slice(0, SHOWN_CHARACTERS), keyVerified: false };
  const { kid: _claimed, ...jwk } = key;
  try {
    const { type, jwk: own } = await parseConsumerKey(jwk);
    return { keyType: type, keyThumbprint: await thumbprintOf(own), keyVerified: true };
  } catch (error) {
    if (!(error instanceof SealError)) throw error;
    return { keyType: 'unusable', keyThumbprint: '', keyVerified: false };
  }
};

const toReviewed = async ({ name, digest, consumer, proved }: TrustCandidate) => ({
  name,
  orgs: consumer!.orgs.slice(0, SHOWN_ORGS),
  orgCount: consumer!.orgs.length,
  state: consumer!.state,
  createTime: consumer!.created_at.slice(0, SHOWN_CHARACTERS),
  ...(await keyFieldsOf(consumer!.key)),
  digest,
  believed: proved,
});

interface AskedRegistry {
  registryRev: number;
  /** The caller may see the processes of Rekey: the ids of workers hold the names of their hosts. */
  seesProcesses: boolean;
}

/** The same for the same worker, so that a caller can wait for it. */
const withoutHost = (id: string): string =>
  `worker-${createHash('sha256').update(id).digest('hex').slice(0, 12)}`;

/** The revision of the registry, and which workers have verified another one. */
const registryResponse =
  (registry: Registry, processes: Processes) =>
  async ({ registryRev, seesProcesses }: AskedRegistry) => {
    const all = await processes.list();
    const lagging = registry.behind(registryRev, all);
    const workers = all.filter(({ live, kind }) => live && kind === 'worker').map(({ id }) => id);
    const shown = (ids: string[]): string[] => (seesProcesses ? ids : ids.map(withoutHost));
    return {
      registryRev: registry.rev(),
      laggingWorkers: shown(lagging),
      workers: shown(workers.filter((id) => !lagging.includes(id))),
      silentWorkers: shown(registry.silent(registryRev, all).slice(0, SHOWN_SILENT)),
    };
  };

/** The methods about the registry as a whole. */
export const createRegistryMethods = ({
  registry,
  processes,
  publicJwk,
}: RegistryMethodDeps): Pick<
  RpcTable['ConsumerService'],
  'GetPublicKey' | 'GetRegistry' | 'ReviewRegistry' | 'TrustRegistry'
> => {
  const toRegistry = registryResponse(registry, processes);

  return {
    GetPublicKey: defineRpc({
      request: Empty,
      permission: 'publicKey.read',
      orgs: 'none',
      effect: 'read',
      handler: async () => {
        if (!publicJwk) throw new RekeyError('REGISTRY_KEY_MISSING');
        return publicJwk;
      },
      respond: (jwk) => ({ jwk: JSON.stringify(jwk) }),
    }),

    GetRegistry: defineRpc({
      request: GetRegistry,
      permission: 'consumers.read',
      orgs: 'none',
      effect: 'read',
      handler: async ({ registryRev }, { rights }) => {
        await registry.look();
        registry.requireTrusted();
        const seesProcesses = rights().allowsEverywhere('status.read');
        return { registryRev: registryRev || registry.rev(), seesProcesses };
      },
      respond: toRegistry,
    }),

    ReviewRegistry: defineRpc({
      request: Empty,
      permission: 'registry.trust',
      orgs: 'all',
      effect: 'read',
      handler: async () => {
        await registry.look();
        const candidates = await registry.trust.candidates();
        const count = await registry.trust.count();
        const readable = candidates
          .filter(({ consumer }) => consumer !== undefined)
          .toSorted((a, b) => Number(b.proved) - Number(a.proved))
          .slice(0, MAX_CONSUMERS);
        return { readable, otherCount: count - readable.length };
      },
      respond: async ({ readable, otherCount }) => ({
        consumers: await Promise.all(readable.map(toReviewed)),
        otherCount,
      }),
    }),

    TrustRegistry: defineRpc({
      request: TrustRegistry,
      permission: 'registry.trust',
      orgs: 'all',
      effect: 'durable-change',
      handler: async ({ consumers, keepGrants }, { actor }) => {
        if (consumers.length > MAX_CONSUMERS)
          throw new RekeyError('TOO_MANY_CONSUMERS', { metadata: { limit: String(MAX_CONSUMERS) } });
        return registry.trust.accept(consumers, { keepGrants, actor });
      },
      // Its callers may see everything.
      respond: (registryRev) => toRegistry({ registryRev, seesProcesses: true }),
    }),
  };
};
