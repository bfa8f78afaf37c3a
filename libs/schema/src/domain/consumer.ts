import { createHash } from 'node:crypto';
import { z } from 'zod';
import { SHORT_NAME, SHORT_NAME_COMPLAINT } from '../text/short-name.ts';
import { OrgId, StoredId } from './ids.ts';

/** The name of a service that reads keys. */
export const ConsumerName = z.string().regex(SHORT_NAME, SHORT_NAME_COMPLAINT);

/** The orgs whose keys a consumer may read; `*` for all. */
export const ConsumerOrgs = z
  .array(z.union([z.literal('*'), OrgId]))
  .min(1, 'must name at least one org, or *')
  .max(1000, 'must name at most 1000 orgs');

/**
 * PENDING: no worker has issued its grant yet. ENROLLING: new records are sealed for it; workers are sealing
 * the earlier ones. ACTIVE: all records are sealed for it.
 */
const ConsumerState = z.enum(['PENDING', 'ENROLLING', 'ACTIVE']);
type ConsumerState = z.infer<typeof ConsumerState>;

export const MAX_CONSUMERS = 100;

/** Longer names are not of principals. */
const MAX_REQUESTED_BY = 4096;

/** A consumer's entry in the ledger, which the consumer reads too. */
export const Consumer = z.looseObject({
  name: ConsumerName,
  orgs: z
    .array(z.union([z.literal('*'), StoredId]))
    .min(1)
    .max(1000),
  state: ConsumerState,
  created_at: z.string(),
  /** The principal that added it; absent if an earlier version did. */
  requested_by: z.string().max(MAX_REQUESTED_BY).optional(),
  /** Its public key as a JWK; of a key that is shared with Rekey, only its kind. */
  key: z.looseObject({ kty: z.string(), crv: z.string().optional(), kid: z.string() }),
  /** A shared key, sealed to Rekey's key file: an envelope. */
  shared_key: z.unknown().optional(),
  /** The keys that Rekey shares with it: sealed to its own key (JWE), for it to open. */
  grant: z.string().optional(),
  /** The kid of those keys, which each record that is sealed for it shows. */
  grant_kid: z.string().optional(),
  /** The same, sealed to Rekey's key file, for workers: an envelope. */
  kept: z.unknown().optional(),
  /** What verifies its acknowledgements: an Ed25519 public key in base64url, derived from its grant. */
  ack_key: z.string().optional(),
  /** A worker has verified an acknowledgement of it: unproved ones no longer count. */
  proves: z.boolean().optional(),
});
export type Consumer = z.infer<typeof Consumer>;

/** Whether a consumer may read the keys of an org. */
export const mayRead = ({ orgs }: Pick<Consumer, 'orgs'>, orgId: string): boolean =>
  orgs.includes('*') || orgs.includes(orgId);

const digests = new WeakMap<readonly string[], string>();
/**
 * A digest of the orgs of an entry, in the order of the entry: SHA-256, in base64url, of the digests of the
 * names. A list that another client has written has no digest of another list, whatever its names contain.
 */
export const orgsDigest = (orgs: readonly string[]): string => {
  const known = digests.get(orgs);
  if (known !== undefined) return known;
  const hash = createHash('sha256');
  for (const org of orgs) hash.update(createHash('sha256').update(org).digest());
  const digest = hash.digest('base64url');
  digests.set(orgs, digest);
  return digest;
};

export const CONSUMER_CHANGED = 'rekey.consumer.changed.v1';

/** Longer texts are no acknowledgement, in UTF-8: 20 + 20 refusals with the longest ids and reasons fit. */
export const MAX_ACKNOWLEDGEMENT_BYTES = 65_536;

/** How many events, and what the first of them claim. */
const Refusals = z.object({
  count: z.int().min(0),
  first: z
    .array(z.object({ assistant_id: z.string().max(256), version: z.int().min(0), why: z.string().max(200) }))
    .max(20),
});

/**
 * The report that a running instance of a consumer repeats: the field `ack` of each entry in its stream of
 * acknowledgements. Consumers of earlier versions write it to a stream of all consumers, without a proof.
 */
export const Acknowledgement = z.object({
  consumer: ConsumerName,
  /** Distinguishes instances of the same consumer. */
  instance: z.string().min(1).max(64),
  /** The instance counts as gone after this time without a report. */
  lease_ms: z.int().min(1000).max(60_000),
  /** The entry of the event stream up to which the instance has applied everything that it could. */
  position: z.string().regex(/^\d{1,20}-\d{1,20}$/),
  /** The `seq` of that event; 0 if the stream was empty. */
  seq: z.int().min(0),
  /** The number of assistants that it holds a key of. */
  keys: z.int().min(0),
  /** Events that it could not apply. */
  unapplied: Refusals,
  /** Events that it refused since it started; a snapshot does not reset them. Older consumers omit it. */
  refused: Refusals.optional(),
  /** Rises with each acknowledgement of the instance. A proved one has it. */
  number: z.int().min(1).optional(),
  /** When it was sent, by the clock of Redis. A proved one has it. */
  sent_ms: z.int().min(0).optional(),
  /** The instance is shutting down and no longer counts. */
  leaving: z.boolean(),
  /** The kid of the keys in the grant that it holds. Older consumers omit it. */
  kid: z.string().min(1).max(64).optional(),
  /**
   * The digest of the orgs by which it has applied everything; empty until it has read a snapshot for these.
   * Consumers of other authors may omit it.
   */
  orgs_sha256: z.string().max(64).optional(),
});
export type Acknowledgement = z.infer<typeof Acknowledgement>;
