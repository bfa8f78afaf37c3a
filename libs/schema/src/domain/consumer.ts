import { z } from 'zod';
import { OrgId, StoredId } from './ids.ts';

/** The name of a service that reads keys. */
export const ConsumerName = z
  .string()
  .regex(
    /^[a-z][a-z0-9-]{0,62}$/,
    'must be at most 63 lower-case letters, digits and hyphens, beginning with a letter',
  );

/** The orgs whose keys a consumer may read; `*` for all. */
export const ConsumerOrgs = z
  .array(z.union([z.literal('*'), OrgId]))
  .min(1, 'must name at least one org, or *')
  .max(1000, 'must name at most 1000 orgs');

/**
 * PENDING: no worker has made its grant yet. ENROLLING: what is published from now on is sealed for it, and
 * what was before is being. ACTIVE: all of it is.
 */
export const ConsumerState = z.enum(['PENDING', 'ENROLLING', 'ACTIVE']);
export type ConsumerState = z.infer<typeof ConsumerState>;

export const MAX_CONSUMERS = 100;

/** A consumer as it stands in the ledger, for itself to read too. */
export const Consumer = z.looseObject({
  name: ConsumerName,
  orgs: z
    .array(z.union([z.literal('*'), StoredId]))
    .min(1)
    .max(1000),
  state: ConsumerState,
  created_at: z.string(),
  /** Its public key as a JWK; of a key that is shared with Rekey, only its kind. */
  key: z.looseObject({ kty: z.string(), crv: z.string().optional(), kid: z.string() }),
  /** A shared key, sealed to Rekey's key file: an envelope. */
  shared_key: z.unknown().optional(),
  /** The keys that Rekey shares with it: sealed to its own key (JWE), for it to open. */
  grant: z.string().optional(),
  /** The same, sealed to Rekey's key file, for workers: an envelope. */
  kept: z.unknown().optional(),
});
export type Consumer = z.infer<typeof Consumer>;

/** Whether a consumer may read the keys of an org. */
export const mayRead = ({ orgs }: Pick<Consumer, 'orgs'>, orgId: string): boolean =>
  orgs.includes('*') || orgs.includes(orgId);

/**
 * Whether a consumer has applied an event. GONE: no instance of it is live. UNAPPLIED: an instance could not
 * apply it, or it cannot be told whether it could.
 */
export type Reach = 'ACKNOWLEDGED' | 'PENDING' | 'GONE' | 'UNAPPLIED';

/**
 * Whether an event counts as acknowledged: by all consumers that are named; or, if none is named, by all that
 * are live. Nobody's acknowledgement is none: at least one consumer must have applied it.
 */
export const isAcknowledged = (
  reach: readonly { consumer: string; state: string }[],
  named: readonly string[] = [],
): boolean =>
  reach.some(
    ({ consumer, state }) => state === 'ACKNOWLEDGED' && (named.length === 0 || named.includes(consumer)),
  ) &&
  named.every((name) => reach.some(({ consumer }) => consumer === name)) &&
  !reach.some((one) => isWaitedFor(one, named));

/**
 * Whether a consumer holds up who waits for all of them to have applied an event: those that are named, be
 * they live or not; or, where none is named, all that are live.
 */
export const isWaitedFor = (
  { consumer, state }: { consumer: string; state: string },
  named: readonly string[] = [],
): boolean =>
  named.length > 0
    ? named.includes(consumer) && state !== 'ACKNOWLEDGED'
    : state === 'PENDING' || state === 'UNAPPLIED';

export const CONSUMER_CHANGED = 'rekey.consumer.changed.v1';

/** How many events, and the first of them, by their own words. */
const Refusals = z.object({
  count: z.int().min(0),
  first: z
    .array(z.object({ assistant_id: z.string().max(256), version: z.int().min(0), why: z.string().max(200) }))
    .max(20),
});

/**
 * What a running instance of a consumer reports, again and again: the one field `ack` of each entry of the
 * stream of acknowledgements.
 */
export const Acknowledgement = z.object({
  consumer: ConsumerName,
  /** Tells it from other instances of the same consumer. */
  instance: z.string().min(1).max(64),
  /** It is gone where nothing is heard of it for so long. */
  lease_ms: z.int().min(1000).max(60_000),
  /** The id of the last entry of the stream of events up to which it has applied everything that it could. */
  position: z.string().regex(/^\d{1,20}-\d{1,20}$/),
  /** The `seq` of that event; 0 where the stream was empty. */
  seq: z.int().min(0),
  /** How many assistants it holds a key of. */
  keys: z.int().min(0),
  /** What it could not apply: how many, and of the first of them which. */
  unapplied: Refusals,
  /**
   * What it refused since it started, which no snapshot resets. Absent in acknowledgements of older
   * consumers.
   */
  refused: Refusals.optional(),
  /** It ends of its own will, and is not to be waited for. */
  leaving: z.boolean(),
});
export type Acknowledgement = z.infer<typeof Acknowledgement>;
