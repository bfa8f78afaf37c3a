import { z } from 'zod';

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
