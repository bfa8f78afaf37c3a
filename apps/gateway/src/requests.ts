import { AssistantId, OrgId, Reason, RekeyError, RequestId, RotationId, RotationRequest, RotationState, SweepId } from '@rekey/schema';
import { z } from 'zod';

/** The wire's names of fields, as callers know them. */
const wireName = (field: string): string => field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** Parses a request at the border. Throws INVALID_ARGUMENT with a violation for each field; it never quotes a value. */
export const parseRequest = <T extends z.ZodType>(schema: T, request: unknown): z.output<T> => {
  const parsed = schema.safeParse(request);
  if (parsed.success) return parsed.data;
  throw new RekeyError('INVALID_ARGUMENT', {
    fieldViolations: parsed.error.issues.map(({ path, message }) => ({ field: path.map((part) => wireName(String(part))).join('.'), description: message })),
  });
};

/** proto3 has no absent text: an empty one is not given. */
const optionalText = <T extends z.ZodType<unknown, string>>(schema: T) => z.union([z.literal('').transform(() => undefined), schema]).optional();

export const RotateSecretKey = RotationRequest.extend({ requestId: optionalText(RequestId), reason: Reason });

export const ById = z.object({ id: RotationId });

export const ByAssistant = z.object({ assistantId: AssistantId });

/** AIP-158: above the maximum is coerced to it; negative is an error. */
const pageSize = (byDefault: number, max: number) => z.int().nonnegative('must not be negative').transform((size) => Math.min(size || byDefault, max));

export const ListRotations = z.object({
  orgId: optionalText(OrgId),
  assistantId: optionalText(AssistantId),
  state: z.union([z.literal('STATE_UNSPECIFIED').transform(() => undefined), RotationState], { error: 'is not a state of this contract' }).optional(),
  pageSize: pageSize(50, 500),
  pageToken: z.string(),
});

export const CreateSweep = z.object({ orgId: optionalText(OrgId) });

export const BySweep = z.object({ id: SweepId });

export const ListSweeps = z.object({ pageSize: pageSize(20, 100) });

export const Freeze = z.object({ reason: Reason.refine((reason) => reason.trim() !== '', 'must not be empty') });

const DEFAULT_WAIT_MS = 30_000;
const MAX_WAIT_MS = 600_000;

const Duration = z
  .object({ seconds: z.coerce.number(), nanos: z.number() })
  .transform(({ seconds, nanos }) => seconds * 1000 + nanos / 1_000_000)
  .refine((ms) => ms >= 0, 'must not be negative');

export const WaitRotation = z
  .object({ id: RotationId, timeout: Duration.nullish() })
  .transform(({ id, timeout }) => ({ id, timeoutMs: Math.min(timeout ?? DEFAULT_WAIT_MS, MAX_WAIT_MS) }));
