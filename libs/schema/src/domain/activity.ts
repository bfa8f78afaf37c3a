import { z } from 'zod';

/**
 * Every type of activity, with what has happened. Types are contracts: never rename one, and never change
 * its meaning. Code that reads records accepts unknown types: later versions may add some.
 */
export const activityTypes = {
  'rotation.requested': 'A rotation was accepted.',
  'rotation.joined': 'A request was answered with a rotation that was QUEUED already.',
  'rotation.cancelled': 'A queued rotation was cancelled.',
  'rotation.failed': 'A rotation failed; the reason is its error code.',
  'rotation.unknown': 'The outcome of a rotation is unknown; Rekey reconciles it.',
  'rotation.operator_needed': 'A rotation cannot be reconciled without an operator; the reason is a code.',
  'bulk.created': 'A bulk rotation was accepted.',
  'bulk.paused': 'A bulk rotation was paused, by a caller or because its window closed.',
  'bulk.halted': 'A bulk rotation stopped itself and needs an operator; the reason is a code.',
  'bulk.resumed': 'A paused or halted bulk rotation was resumed.',
  'bulk.cancelled': 'A bulk rotation was cancelled: it begins no further assistant.',
  'bulk.retried': 'The failed assistants of a bulk rotation are rotated again.',
  'bulk.ended': 'A bulk rotation has ended.',
  'policy.created': 'A rotation policy was created.',
  'policy.updated': 'A rotation policy was changed.',
  'policy.paused': 'A rotation policy was paused.',
  'policy.resumed': 'A paused rotation policy was resumed.',
  'policy.deleted': 'A rotation policy was deleted.',
  'policy.begun': 'A window of a rotation policy opened, and its bulk rotation began.',
  'policy.skipped': 'A window of a rotation policy opened, and no bulk rotation began; the reason says why.',
  'sweep.requested': 'A sweep was accepted.',
  'sweep.failed': 'A sweep failed; the reason is its error code.',
  'drift.found': 'A sweep found keys that were replaced or removed outside of Rekey; `after` has its counts.',
  'key.changed_elsewhere': 'A read found a key that was replaced outside of Rekey, and published it.',
  'key.uncertain': 'It is unknown whether the published key of an assistant is in force.',
  'key.removed': 'An assistant is published as deleted or without a key.',
  'key.rolled_back': 'Invent returned to an older key of an assistant, and Rekey published it again.',
  'org.held': 'Too much of an org has changed at Invent: Rekey publishes none of it.',
  'org.accepted': 'An operator accepted what reads say of a held org.',
  'org.released': 'A sweep found what is known of a held org, which is no longer held.',
  'org.learned': 'Rekey learned which org `c` stands for.',
  'freeze.set': 'All requests that replace keys were stopped.',
  'freeze.lifted': 'Requests that replace keys may leave again.',
  'budget.opened': 'An operator opened a request budget that Invent had closed.',
  'ledger.lost': 'The ledger vanished: no request leaves until the new one is adopted.',
  'ledger.adopted': 'The ledger that replaced a lost one was adopted.',
  'consumer.added': 'A consumer was added.',
  'consumer.orgs_set': 'The orgs that a consumer may read were changed.',
  'consumer.removed': 'A consumer was removed.',
  'consumer.granted': 'A consumer received its grant.',
  'registry.trusted': 'An operator decided which entries of consumers to trust.',
  'token.created': 'An access token was created.',
  'token.revoked': 'An access token was revoked.',
  'access.denied': 'A call was denied; the reason is its error reason.',
  'access.unauthenticated': 'A call named nobody, or showed a token that is not valid.',
} as const;

export type ActivityType = keyof typeof activityTypes;

/** The parts of Rekey that change something by themselves, as `system:PART` in `by`. */
export const systemParts = {
  rotation: 'rotates, reads back and reconciles one assistant',
  bulk: 'runs bulk rotations',
  policies: 'begins the bulk rotations of policies',
  sweeps: 'sweeps orgs on a schedule',
  checks: 'reads assistants and compares them with what is published',
  orgs: 'learns which org `c` stands for',
  ledger: 'recognises the ledger, and whether it has vanished',
  consumers: 'grants consumers their keys',
  access: 'counts the denied calls of callers that are too many to be named',
} as const;

type SystemPart = keyof typeof systemParts;

/** Who acts, and for which call. */
export interface Actor {
  /**
   * The name of a principal (`uri:…`, `dns:…`, `jwt:ISSUER#SUB`, `token:NAME`), `local` without an access
   * file, `anonymous`, or `system:PART`.
   */
  by: string;
  /** The other proved names of the same caller, separated by spaces. */
  also?: string;
  /** The request id of the call, which also stands in the log of the gateway. */
  request?: string;
  /** The trace id of the caller's `traceparent`: 32 hex digits. */
  trace?: string;
}

/** Whoever calls a gateway without an access file. */
export const LOCAL_ACTOR: Actor = { by: 'local' };

export const systemActor = (part: SystemPart): Actor => ({ by: `system:${part}` });

/** The fields of a record, in the order in which they are shown. A field that is absent is empty. */
export const activityFields = [
  'type',
  'by',
  'also',
  'org',
  'target',
  'assistant',
  'reason',
  'request',
  'trace',
  'address',
  'before',
  'after',
  'count',
] as const;

/** Of `before` and `after`. What is longer is cut. */
export const MAX_ACTIVITY_STATE_BYTES = 1000;

const MAX_TEXT = 4096;
const text = z.string().min(1).max(MAX_TEXT);

/**
 * An entry of the stream `{PREFIX}:activity`. It may have been written by another client of Redis: what is
 * believed never comes from it.
 */
export const ActivityRecord = z.object({
  /** Such as `bulk.halted`: one of `activityTypes`, or of a later version. */
  type: z
    .string()
    .regex(/^[a-z][a-z_]*(?:\.[a-z][a-z_]*)+$/)
    .max(64),
  /** Who did it: see `Actor`. */
  by: text,
  also: text.optional(),
  /** The org that is concerned; absent if it is Rekey as a whole. */
  org: text.optional(),
  /**
   * What is concerned, as KIND:ID: `rotation:rot_…`, `bulkRotation:…`, `policy:…`, `sweep:…`,
   * `consumer:NAME`, `token:NAME`, `org:ID`, `system:freeze`, `method:Service/Method`.
   */
  target: text.optional(),
  assistant: text.optional(),
  /** As the caller gave it; of `system:PART` and of what failed, a stable code. */
  reason: text.optional(),
  request: text.optional(),
  trace: z
    .string()
    .regex(/^[0-9a-f]{32}$/)
    .optional(),
  /** Of a failed authentication: the address of the connection, or the /64 that those counted share. */
  address: z
    .string()
    .regex(/^[0-9a-f.:]{2,45}(?:\/64)?$/)
    .optional(),
  /** Short state words, or a short JSON text. */
  before: text.optional(),
  after: text.optional(),
  /** How many denials were counted together. */
  count: z.coerce.number().pipe(z.int().nonnegative()).optional(),
});
export type ActivityRecord = z.infer<typeof ActivityRecord>;
