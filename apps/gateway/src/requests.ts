import type { CreateBulkRotationRequest__Output } from '@rekey/rpc';
import {
  AssistantId,
  BulkId,
  ConsumerName,
  MAX_CONSUMERS,
  BulkItemState,
  BulkSelection,
  BulkState,
  DEFAULT_FAILURE_LIMIT,
  FailureLimit,
  OrgId,
  Reason,
  RekeyError,
  RequestId,
  RotationId,
  RotationRequest,
  RotationState,
  SweepId,
  complaintAboutId,
  type BulkSpec,
  type FieldViolation,
} from '@rekey/schema';
import { z } from 'zod';
import { plainWords, violationsOf, wireName } from './plain-words.ts';

/**
 * Parses a request at the border. Throws INVALID_ARGUMENT with a violation for each field; it never quotes a
 * value.
 */
export const parseRequest = <T extends z.ZodType>(schema: T, request: unknown): z.output<T> => {
  const parsed = schema.safeParse(request, { error: plainWords });
  if (parsed.success) return parsed.data;
  throw new RekeyError('INVALID_ARGUMENT', { fieldViolations: violationsOf(parsed.error) });
};

/** What of a filter was given. */
export const given = <T extends object>(filter: T): { [K in keyof T]?: Exclude<T[K], undefined> } =>
  Object.fromEntries(Object.entries(filter).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };

/** proto3 has no absent text: an empty one is not given. */
export const optionalText = <T extends z.ZodType<unknown, string>>(schema: T) =>
  z.union([z.literal('').transform(() => undefined), schema]).optional();

export const RotateSecretKey = RotationRequest.extend({ requestId: optionalText(RequestId), reason: Reason });

export const ById = z.object({ id: RotationId });

export const ByAssistant = z.object({ assistantId: AssistantId });

/** AIP-158: above the maximum is coerced to it; negative is an error. */
export const pageSize = (byDefault: number, max: number) =>
  z
    .int()
    .nonnegative('must not be negative')
    .transform((size) => Math.min(size || byDefault, max));

/** Enums come by their name; a number is one that the contract does not have. */
const optionalState = <T extends z.ZodType<unknown, string>>(state: T) =>
  z
    .union([z.literal('STATE_UNSPECIFIED').transform(() => undefined), state], {
      error: 'is not a state of this contract',
    })
    .optional();

export const ListRotations = z.object({
  orgId: optionalText(OrgId),
  assistantId: optionalText(AssistantId),
  state: optionalState(RotationState),
  pageSize: pageSize(50, 500),
  pageToken: z.string(),
});

export const CreateSweep = z
  .object({ orgId: optionalText(OrgId), acceptRemovals: z.boolean().default(false) })
  .refine(({ orgId, acceptRemovals }) => !acceptRemovals || orgId !== undefined, {
    path: ['orgId'],
    error: 'must be given with accept_removals: one org at a time',
  });

export const BySweep = z.object({ id: SweepId });

export const ListSweeps = z.object({ pageSize: pageSize(20, 100), pageToken: z.string().default('') });

export const Freeze = z.object({
  reason: Reason.refine((reason) => reason.trim() !== '', 'must not be empty'),
});

const DEFAULT_WAIT_MS = 30_000;
const MAX_WAIT_MS = 600_000;

export const Duration = z
  .object({ seconds: z.coerce.number(), nanos: z.number() })
  .transform(({ seconds, nanos }) => seconds * 1000 + nanos / 1_000_000)
  .refine((ms) => ms >= 0, 'must not be negative');

export const WaitRotation = z
  .object({
    id: RotationId,
    timeout: Duration.nullish(),
    until: z
      .enum(['UNTIL_UNSPECIFIED', 'ENDED', 'ACKNOWLEDGED'], { error: 'is not one of this contract' })
      .default('ENDED'),
    consumers: z
      .array(ConsumerName)
      .max(MAX_CONSUMERS, `must have at most ${MAX_CONSUMERS} entries`)
      .default([]),
  })
  .refine(({ until, consumers }) => consumers.length === 0 || until === 'ACKNOWLEDGED', {
    path: ['consumers'],
    message: 'may be named only with until: ACKNOWLEDGED',
  })
  .transform(({ timeout, ...rest }) => ({
    ...rest,
    timeoutMs: Math.min(timeout ?? DEFAULT_WAIT_MS, MAX_WAIT_MS),
  }));

export const ByBulk = z.object({ id: BulkId });

export const WatchBulk = z.object({ id: BulkId, untilStopped: z.boolean() });

export const ListBulks = z.object({
  orgId: optionalText(OrgId),
  state: optionalState(BulkState),
  pageSize: pageSize(20, 100),
  pageToken: z.string(),
});

export const ListBulkItems = z.object({
  id: BulkId,
  state: optionalState(BulkItemState),
  pageSize: pageSize(100, 1000),
  pageToken: z.string(),
});

const Timestamp = z
  .object({ seconds: z.coerce.number(), nanos: z.number() })
  .transform(({ seconds, nanos }) => Math.floor(seconds * 1000 + nanos / 1_000_000))
  .refine((ms) => Number.isSafeInteger(ms) && ms >= 0, 'must be a time since 1970');

const [, OrgSelection] = BulkSelection.options;

/** Upstream may take a blank term for none, which would be all of the org. */
const Search = OrgSelection.shape.search.unwrap().refine((text) => text.trim() !== '', 'must not be blank');

const Canary = z
  .object({
    count: z.int().positive('must be positive'),
    continues: z.boolean(),
    awaitsConsumers: z.boolean().default(false),
  })
  .refine(({ continues, awaitsConsumers }) => continues || !awaitsConsumers, {
    path: ['awaitsConsumers'],
    message: 'needs continues',
  })
  .transform(({ awaitsConsumers, ...canary }) => ({
    ...canary,
    ...(awaitsConsumers && { awaitsConsumers }),
  }));

const RequiredConsumers = z.object({
  requireConsumers: z
    .array(ConsumerName)
    .max(MAX_CONSUMERS, `must have at most ${MAX_CONSUMERS} entries`)
    .default([]),
});

/** proto-loader sets only the field of a oneof that was given. */
export const FailureLimitMessage = z
  .object({
    count: FailureLimit.options[0].shape.count.optional(),
    percent: FailureLimit.options[1].shape.percent.optional(),
  })
  .refine(({ count, percent }) => count !== undefined || percent !== undefined, 'must have count or percent')
  .transform(({ count, percent }): FailureLimit => (count === undefined ? { percent: percent! } : { count }));

/** The first message of a stream, but for the ids in it, as the ledger wants it. */
export const CreateBulk = z
  .object({
    orgId: OrgId,
    requestId: optionalText(RequestId),
    reason: Reason,
    allAssistants: z.boolean(),
    search: optionalText(Search),
    rotatedBefore: Timestamp.nullish(),
    urgent: z.boolean(),
    validateOnly: z.boolean(),
    canary: Canary.nullish(),
    maxFailures: FailureLimitMessage.nullish(),
  })
  .superRefine(({ allAssistants, search, rotatedBefore }, ctx) => {
    if (allAssistants) return;
    const complain = (field: string) =>
      ctx.addIssue({ code: 'custom', path: [field], message: 'needs all_assistants' });
    if (search !== undefined) complain('search');
    if (rotatedBefore != null) complain('rotatedBefore');
  })
  .transform(
    ({ allAssistants, search, rotatedBefore, canary, maxFailures, requestId, ...spec }): BulkSpec => ({
      ...spec,
      selection: allAssistants
        ? { kind: 'org', ...given({ search, rotatedBeforeMs: rotatedBefore ?? undefined }) }
        : { kind: 'ids' },
      maxFailures: maxFailures ?? DEFAULT_FAILURE_LIMIT,
      ...given({ requestId, canary: canary ?? undefined }),
    }),
  );

type CreateBulkMessage = CreateBulkRotationRequest__Output;

/** What a further message of the stream may not say again; each reads as not given. */
const FurtherBulk = z.object({
  orgId: z.literal(''),
  requestId: z.literal(''),
  reason: z.literal(''),
  allAssistants: z.literal(false),
  search: z.literal(''),
  rotatedBefore: z.null().optional(),
  urgent: z.literal(false),
  validateOnly: z.literal(false),
  canary: z.null().optional(),
  maxFailures: z.null().optional(),
  requireConsumers: z.array(z.never()).optional(),
});

export const violation = (field: string, description: string): RekeyError =>
  new RekeyError('INVALID_ARGUMENT', { fieldViolations: [{ field: wireName(field), description }] });

/**
 * So many ids are named of those that are not valid; one who sends a wrong file learns no more from a
 * thousand.
 */
const MAX_NAMED_IDS = 10;

/** Throws INVALID_ARGUMENT where ids are not valid; it names them by their place in the whole stream. */
export const checkIds = (field: string, ids: string[], from: number): void => {
  const fieldViolations: FieldViolation[] = [];
  for (let i = 0; i < ids.length && fieldViolations.length < MAX_NAMED_IDS; i += 1) {
    const complaint = complaintAboutId(ids[i]!);
    if (complaint !== undefined)
      fieldViolations.push({ field: `${wireName(field)}[${from + i}]`, description: complaint });
  }
  if (fieldViolations.length > 0) throw new RekeyError('INVALID_ARGUMENT', { fieldViolations });
};

/**
 * Reads the messages of one CreateBulkRotation, one after the other: the first says what is wanted, and all
 * may hold ids, which are counted over the whole stream. Throws INVALID_ARGUMENT.
 */
export const bulkReader = () => {
  let spec: BulkSpec | undefined;
  const counts = { assistantIds: 0, excludeAssistantIds: 0 };

  const takeIds = (name: keyof typeof counts, ids: string[], kind: BulkSelection['kind']) => {
    if (ids.length === 0) return;
    if (spec!.selection.kind !== kind)
      throw violation(
        name,
        kind === 'ids' ? 'cannot be given together with all_assistants' : 'needs all_assistants',
      );
    checkIds(name, ids, counts[name]);
    counts[name] += ids.length;
  };

  return {
    /**
     * Checks the next message; afterwards its ids may be taken. Returns the consumers that it demands: the
     * first one alone may.
     */
    read: (message: CreateBulkMessage): readonly string[] => {
      const isFirst = spec === undefined;
      if (isFirst) {
        spec = parseRequest(CreateBulk, message);
      } else {
        const further = FurtherBulk.safeParse(message);
        if (!further.success)
          throw violation(String(further.error.issues[0]!.path[0]), 'can be given in the first message only');
      }
      takeIds('assistantIds', message.assistantIds, 'ids');
      takeIds('excludeAssistantIds', message.excludeAssistantIds, 'org');
      return isFirst ? parseRequest(RequiredConsumers, message).requireConsumers : [];
    },
    /** What the stream asked for, when it has ended. */
    end: (): BulkSpec => {
      if (spec === undefined) throw violation('org_id', 'must not be empty');
      if (spec.selection.kind === 'ids' && counts.assistantIds === 0)
        throw violation('assistant_ids', 'must not be empty, unless all_assistants is set');
      return spec;
    },
  };
};

export const OpenBudget = z.object({
  egress: z.union([
    z.literal('').transform(() => 'default'),
    z.string().regex(/^[A-Za-z0-9_.-]{1,64}$/, 'must be 1 to 64 letters, digits, _ . or -'),
  ]),
});
export const AdoptLedger = z.object({
  ledgerId: z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, 'must be the id of the ledger, as GetStatus shows it'),
});
