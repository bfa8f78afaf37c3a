import type { CallOptions } from '../calls/calls.ts';
import { allOf } from '../calls/pages.ts';
import { createServiceCalls, type ServiceDeps } from '../calls/service-calls.ts';
import type { RequestOf } from '../connection/transport.ts';
import { toConsumer, type Consumer } from '../models/consumer.ts';
import { toRegistry, toRegistryReview, type Registry, type RegistryReview } from '../models/registry.ts';

interface AddConsumerFields {
  /** Lower-case letters, digits and hyphens, beginning with a letter; up to 63. */
  name: string;
  /** The orgs that it may read, by the names that requests use; `*` for all. */
  orgs: string[];
}
/** One of the two, as JSON. */
type ConsumerKey =
  | {
      /** Its public key, a JWK: OKP X25519 or EC P-256. */
      publicJwk: string;
      sealedSharedJwk?: never;
    }
  | {
      /** A key that it shares with Rekey, sealed to Rekey's key file: `rekey consumer add` does that. */
      sealedSharedJwk: string;
      publicJwk?: never;
    };
export type AddConsumerRequest = AddConsumerFields &
  ConsumerKey &
  Omit<
    RequestOf<'ConsumerService', 'AddConsumer'>,
    keyof AddConsumerFields | 'key' | 'publicJwk' | 'sealedSharedJwk'
  >;

interface SetConsumerOrgsFields {
  name: string;
  /** As in AddConsumerRequest; they replace the orgs that were set before. */
  orgs: string[];
}
export type SetConsumerOrgsRequest = SetConsumerOrgsFields &
  Omit<RequestOf<'ConsumerService', 'SetConsumerOrgs'>, keyof SetConsumerOrgsFields>;

interface TrustRegistryFields {
  /** The names and digests of the entries to trust, as `reviewRegistry` returned them. */
  consumers: { name: string; digest: string }[];
  /** Keeps the grants in the entries: only if nobody else can have written to Redis. */
  keepGrants?: boolean;
}
export type TrustRegistryRequest = TrustRegistryFields &
  Omit<RequestOf<'ConsumerService', 'TrustRegistry'>, keyof TrustRegistryFields>;

export interface ConsumerMethods {
  /**
   * Retried with a public key, which is safe to repeat. A sealed shared key is sent once: the gateway cannot
   * compare it with an earlier one. CONSUMER_EXISTS, TOO_MANY_CONSUMERS.
   */
  addConsumer(request: AddConsumerRequest, options?: CallOptions): Promise<Consumer>;
  /** A consumer and the progress of its instances. CONSUMER_NOT_FOUND, as all methods that take its name. */
  getConsumer(name: string, options?: CallOptions): Promise<Consumer>;
  /** All consumers, by name: up to 100. Each page has the deadline. */
  listConsumers(options?: CallOptions): Promise<Consumer[]>;
  /** The consumer loses access to orgs that are not named. Safe to repeat, and retried. */
  setConsumerOrgs(request: SetConsumerOrgsRequest, options?: CallOptions): Promise<Consumer>;
  /**
   * The consumer keeps the keys that it holds: rotate those that it must not know. Rejects with
   * CONSUMER_NOT_FOUND if repeated. Returns the revision of the registry without it: see `getRegistry`.
   */
  removeConsumer(name: string, options?: CallOptions): Promise<{ registryRev: number }>;
  /** Rekey's public key, which consumers verify with: a JWK (OKP Ed25519) as JSON. REGISTRY_KEY_MISSING. */
  getPublicKey(options?: CallOptions): Promise<{ jwk: string }>;
  /**
   * The registry of consumers, and which workers have proved that they have read a revision of it; the
   * current one if none is given.
   */
  getRegistry(request?: { registryRev?: number }, options?: CallOptions): Promise<Registry>;
  /** The entries of consumers in Redis as they are, proved or not. */
  reviewRegistry(options?: CallOptions): Promise<RegistryReview>;
  /**
   * Replaces the registry by these entries, as they were reviewed. Sent once. REGISTRY_ENTRIES_CHANGED if one
   * is not as it was, TOO_MANY_CONSUMERS.
   */
  trustRegistry(request: TrustRegistryRequest, options?: CallOptions): Promise<Registry>;
}

/** The largest page of the gateway. */
const PAGE_SIZE = 100;

export const createConsumerMethods = (deps: ServiceDeps): ConsumerMethods => {
  const { read, change } = createServiceCalls(deps, 'ConsumerService');
  return {
    addConsumer: async (request, options) =>
      change('AddConsumer', request, toConsumer, {
        ...options,
        repeatable: request.sealedSharedJwk === undefined,
      }),
    getConsumer: async (name, options) => read('GetConsumer', { name }, toConsumer, options),
    listConsumers: async (options) =>
      allOf((pageToken) =>
        read(
          'ListConsumers',
          { pageSize: PAGE_SIZE, pageToken },
          ({ consumers, nextPageToken }) => ({ items: consumers.map(toConsumer), nextPageToken }),
          options,
        ),
      ),
    setConsumerOrgs: async (request, options) =>
      change('SetConsumerOrgs', request, toConsumer, { ...options, repeatable: true }),
    removeConsumer: async (name, options) =>
      change(
        'RemoveConsumer',
        { name },
        ({ registryRev }) => ({ registryRev: Number(registryRev) }),
        options,
      ),
    getPublicKey: async (options) => read('GetPublicKey', {}, ({ jwk }) => ({ jwk }), options),
    getRegistry: async ({ registryRev = 0 } = {}, options) =>
      read('GetRegistry', { registryRev }, toRegistry, options),
    reviewRegistry: async (options) => read('ReviewRegistry', {}, toRegistryReview, options),
    trustRegistry: async (request, options) => change('TrustRegistry', request, toRegistry, options),
  };
};
