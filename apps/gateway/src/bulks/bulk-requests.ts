import type { CreateBulkRotationRequest__Output } from '@rekey/rpc';
import {
  BulkId,
  BulkItemState,
  BulkSelection,
  BulkState,
  ConsumerName,
  DEFAULT_FAILURE_LIMIT,
  MAX_CONSUMERS,
  OrgId,
  Reason,
  RequestId,
  type BulkSpec,
} from '@rekey/schema';
import { z } from 'zod';
import {
  FailureLimitMessage,
  Timestamp,
  checkIds,
  optionalState,
  optionalText,
  pageSize,
} from '../requests/fields.ts';
import type { MessageReader } from '../requests/message-reader.ts';
import { checkFurtherMessage, given, parseRequest, violation } from '../requests/parse-request.ts';

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

const [, OrgSelection] = BulkSelection.options;

/** Invent may treat a blank term as none, which would select the whole org. */
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

/** The first message of a stream, without its ids, as the ledger expects it. */
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

/** The fields that a further message must not set, each with the value of an unset field. */
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

/** What one message of CreateBulkRotation asks for. */
export interface BulkPart {
  /** In the first part only. */
  spec?: BulkSpec;
  /** In the first part only: consumers that must have applied everything that is published. */
  requireConsumers?: readonly string[];
  assistantIds: string[];
  excludeAssistantIds: string[];
}

/**
 * Reads the messages of one CreateBulkRotation: the first has the specification, and all may hold ids, which
 * are counted over the whole stream.
 */
export const bulkReader = (): MessageReader<CreateBulkRotationRequest__Output, BulkPart> => {
  let kind: BulkSelection['kind'] | undefined;
  const counts = { assistantIds: 0, excludeAssistantIds: 0 };

  const countIds = (field: keyof typeof counts, ids: string[], allowed: BulkSelection['kind']) => {
    if (ids.length === 0) return;
    if (kind !== allowed)
      throw violation(
        field,
        allowed === 'ids' ? 'cannot be given together with all_assistants' : 'needs all_assistants',
      );
    checkIds(field, ids, counts[field]);
    counts[field] += ids.length;
  };

  const readFirst = (message: CreateBulkRotationRequest__Output): BulkSpec => {
    const spec = parseRequest(CreateBulk, message);
    kind = spec.selection.kind;
    return spec;
  };

  return {
    read: (message) => {
      const spec = kind === undefined ? readFirst(message) : undefined;
      if (spec === undefined) checkFurtherMessage(FurtherBulk, message);
      const { assistantIds, excludeAssistantIds } = message;
      countIds('assistantIds', assistantIds, 'ids');
      countIds('excludeAssistantIds', excludeAssistantIds, 'org');
      const ids = { assistantIds, excludeAssistantIds };
      return spec === undefined ? ids : { spec, ...parseRequest(RequiredConsumers, message), ...ids };
    },
    end: () => {
      if (kind === undefined) throw violation('org_id', 'must not be empty');
      if (kind === 'ids' && counts.assistantIds === 0)
        throw violation('assistant_ids', 'must not be empty, unless all_assistants is set');
    },
  };
};
