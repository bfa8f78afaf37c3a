import type { ResponseOf } from '../connection/transport.ts';
import { text, withoutUnset } from './values.ts';

/** The signed list of consumers, as a gateway has verified it. */
export interface Registry {
  /** Its revision, which only rises. */
  registryRev: number;
  /** The live workers that have verified the requested revision. */
  workers: string[];
  /** The live workers that have not. */
  laggingWorkers: string[];
  /**
   * Up to 20 workers that were live within the last minute, have not announced their end, and have not
   * verified it. They may have died, or may hang.
   */
  silentWorkers: string[];
}

/** The entry of a consumer in Redis, as it is there. */
export interface ReviewedConsumer {
  name: string;
  /** The first 20 orgs that it would let the consumer read; `*` for all. */
  orgs: string[];
  /** The number of all its orgs. */
  orgCount: number;
  state: string;
  /** When it was added, by its own account. */
  createTime?: string;
  /** `X25519`, `P-256` or `shared`. */
  keyType: string;
  /**
   * The whole thumbprint (RFC 7638) of its key: its fingerprint without `SHA256:`. Of a shared key, what the
   * entry says.
   */
  keyThumbprint?: string;
  /** Whether the gateway has computed the thumbprint from the key itself. */
  keyVerified: boolean;
  /** SHA-256 of the entry, base64url. */
  digest: string;
  /** Whether the registry has this entry already: it is trusted. */
  believed: boolean;
}

/** The entries of consumers in Redis. */
export interface RegistryReview {
  /** By name: up to 100, and first those that the registry has. */
  consumers: ReviewedConsumer[];
  /** The number of further fields under the key of consumers. */
  otherCount: number;
}

export const toRegistry = ({
  registryRev,
  workers,
  laggingWorkers,
  silentWorkers,
}: ResponseOf<'ConsumerService', 'GetRegistry'>): Registry => ({
  registryRev: Number(registryRev),
  workers,
  laggingWorkers,
  silentWorkers,
});

export const toRegistryReview = ({
  consumers,
  otherCount,
}: ResponseOf<'ConsumerService', 'ReviewRegistry'>): RegistryReview => ({
  consumers: consumers.map((one) =>
    withoutUnset<ReviewedConsumer>({
      name: one.name,
      orgs: one.orgs,
      orgCount: one.orgCount,
      state: one.state,
      createTime: text(one.createTime),
      keyType: one.keyType,
      keyThumbprint: text(one.keyThumbprint),
      keyVerified: one.keyVerified,
      digest: one.digest,
      believed: one.believed,
    }),
  ),
  otherCount: Number(otherCount),
});
