import {
  BulkSelection,
  BulkState,
  RekeyError,
  type BulkFailure,
  type BulkRotation,
  type BulkSpec,
} from '@rekey/schema';
import { z } from 'zod';
import { count, jsonText, optional } from '../hash-fields.ts';

const flag = z
  .literal(['', '1'])
  .optional()
  .transform((text) => text === '1');
const number = z.coerce.number().nonnegative();
const none = count.default(0);

const Verification = z.object({
  verified: count,
  repaired: count,
  unverified: count,
  differing: z.array(z.string()),
  sinceMs: count.exactOptional(),
});

const List = z.object({
  complete: z.boolean(),
  listed: count,
  counted: count.exactOptional(),
  unreadable: count,
});

const BulkHash = z.object({
  org: z.string(),
  state: BulkState,
  reason: z.string(),
  request: optional(z.string()),
  selection: jsonText.pipe(BulkSelection),
  urgent: flag,
  validate_only: flag,
  canary: optional(count),
  canary_continues: flag,
  canary_awaits: flag,
  limit_count: optional(count),
  limit_percent: optional(number),
  until: optional(count),
  created: count,
  started: optional(count),
  updated: count,
  ended: optional(count),
  why: optional(z.string()),
  total: none,
  open: none,
  unknown: none,
  succeeded: none,
  shared: none,
  failed: none,
  cancelled: none,
  valid: none,
  duplicates: none,
  rate: optional(number),
  requests: optional(count),
  takes: optional(count),
  verification: jsonText.pipe(Verification).optional(),
  list: jsonText.pipe(List).optional(),
  entry: optional(z.string()),
  requested_by: optional(z.string()),
});

/** The fields of the hash that are read. */
export const bulkFieldNames: readonly string[] = Object.keys(BulkHash.shape);

/** Whether the hash can be read, from these fields. */
export const isReadableBulk = (fields: readonly (string | null)[]): boolean => {
  const present = bulkFieldNames.flatMap((name, i) => (fields[i] === null ? [] : [[name, fields[i]]]));
  return BulkHash.safeParse(Object.fromEntries(present)).success;
};

/** The request of a caller, without its org and reason, as fields and values of the hash. */
export const bulkFields = ({
  selection,
  validateOnly,
  canary,
  maxFailures,
  untilMs,
}: BulkSpec): (string | number)[] => [
  'selection',
  JSON.stringify(selection),
  'validate_only',
  validateOnly ? '1' : '',
  ...(canary
    ? [
        'canary',
        canary.count,
        'canary_continues',
        canary.continues ? '1' : '',
        'canary_awaits',
        canary.awaitsConsumers ? '1' : '',
      ]
    : []),
  ...('count' in maxFailures ? ['limit_count', maxFailures.count] : ['limit_percent', maxFailures.percent]),
  ...(untilMs === undefined ? [] : ['until', untilMs]),
];

/** A bulk rotation from its hash in Redis. Throws LEDGER_CORRUPT, which names it and the invalid fields. */
export const parseBulk = (id: string, hash: Record<string, string>, failures: string[]): BulkRotation => {
  const parsed = BulkHash.safeParse(hash);
  if (!parsed.success) {
    const fields = parsed.error.issues.map(({ path }) => path.join('.')).join(', ');
    throw new RekeyError('LEDGER_CORRUPT', { cause: new Error(`bulk rotation ${id}: ${fields}`) });
  }
  const { data } = parsed;
  const { state, reason, selection, urgent, why, verification, list, entry, requests } = data;
  const bulk = {
    id,
    orgId: data.org,
    state,
    reason,
    requestId: data.request,
    requestedBy: data.requested_by,
    selection,
    urgent,
    validateOnly: data.validate_only,
    canary: canaryOf(data),
    maxFailures:
      data.limit_percent === undefined ? { count: data.limit_count ?? 0 } : { percent: data.limit_percent },
    untilMs: data.until,
    createdMs: data.created,
    startedMs: data.started,
    updatedMs: data.updated,
    endedMs: data.ended,
    counts: countsOf(data),
    why,
    perSecond: data.rate || undefined,
    estimate: requests === undefined ? undefined : { requests, durationMs: data.takes ?? 0 },
    verification,
    list,
    entry,
    lastFailures: failures.flatMap(parseFailure),
  };
  return Object.fromEntries(
    Object.entries(bulk).filter(([, value]) => value !== undefined),
  ) as unknown as BulkRotation;
};

type BulkHash = z.infer<typeof BulkHash>;

const canaryOf = ({ canary, canary_continues: continues, canary_awaits: awaits }: BulkHash) =>
  canary === undefined ? undefined : { count: canary, continues, ...(awaits && { awaitsConsumers: awaits }) };

/** Assistants of a cancelled bulk that were waiting count as cancelled. */
const countsOf = (data: BulkHash): BulkRotation['counts'] => {
  const { state, total, open, unknown, succeeded, shared, failed, cancelled, valid, duplicates } = data;
  const rest = total - open - succeeded - shared - failed - cancelled - valid;
  const isCancelled = state === 'CANCELLED' || state === 'CANCELLING';
  return {
    total,
    waiting: isCancelled ? 0 : rest,
    rotating: open,
    unknown: Math.min(unknown, open),
    succeeded,
    shared,
    failed,
    cancelled: isCancelled ? cancelled + rest : cancelled,
    valid,
    duplicates,
  };
};

/** `MS CODE ASSISTANT`: an id may hold spaces. Other texts are of another client. */
const parseFailure = (text: string): BulkFailure[] => {
  const [, at, code, assistantId] = /^(\d{1,15}) ([A-Z_]+) (.+)$/s.exec(text) ?? [];
  if (at === undefined || code === undefined || assistantId === undefined) return [];
  return [{ atMs: Number(at), code, assistantId }];
};
