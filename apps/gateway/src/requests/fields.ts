import { FailureLimit, RekeyError, complaintAboutId, type FieldViolation } from '@rekey/schema';
import { z } from 'zod';
import { wireName } from './field-violations.ts';

/** The request of a method without parameters. */
export const Empty = z.object({});

/** proto3 has no absent text: an empty text counts as not given. */
export const optionalText = <T extends z.ZodType<unknown, string>>(schema: T) =>
  z.union([z.literal('').transform(() => undefined), schema]).optional();

/** AIP-158: a size above the maximum is reduced to it; a negative size is an error. */
export const pageSize = (byDefault: number, max: number) =>
  z
    .int()
    .nonnegative('must not be negative')
    .transform((size) => Math.min(size || byDefault, max));

/** Enum values arrive as names; a number is a value that the contract does not have. */
export const optionalState = <T extends z.ZodType<unknown, string>>(state: T) =>
  z
    .union([z.literal('STATE_UNSPECIFIED').transform(() => undefined), state], {
      error: 'is not a state of this contract',
    })
    .optional();

/** In ms. */
export const Duration = z
  .object({ seconds: z.coerce.number(), nanos: z.number() })
  .transform(({ seconds, nanos }) => seconds * 1000 + nanos / 1_000_000)
  .refine((ms) => ms >= 0, 'must not be negative');

/** In ms since 1970. */
export const Timestamp = z
  .object({ seconds: z.coerce.number(), nanos: z.number() })
  .transform(({ seconds, nanos }) => Math.floor(seconds * 1000 + nanos / 1_000_000))
  .refine((ms) => Number.isSafeInteger(ms) && ms >= 0, 'must be a time since 1970');

/** proto-loader sets only the field of a oneof that was given. */
export const FailureLimitMessage = z
  .object({
    count: FailureLimit.options[0].shape.count.optional(),
    percent: FailureLimit.options[1].shape.percent.optional(),
  })
  .refine(({ count, percent }) => count !== undefined || percent !== undefined, 'must have count or percent')
  .transform(({ count, percent }): FailureLimit => (count === undefined ? { percent: percent! } : { count }));

/** The first invalid ids are reported. A caller that sends the wrong file learns nothing from a thousand. */
const MAX_REPORTED_IDS = 10;

/**
 * Throws INVALID_ARGUMENT if ids are not valid. It names them by their position in the whole stream, of which
 * `from` ids came before.
 */
export const checkIds = (field: string, ids: string[], from: number): void => {
  const fieldViolations: FieldViolation[] = [];
  for (let i = 0; i < ids.length && fieldViolations.length < MAX_REPORTED_IDS; i += 1) {
    const description = complaintAboutId(ids[i]!);
    if (description !== undefined)
      fieldViolations.push({ field: `${wireName(field)}[${from + i}]`, description });
  }
  if (fieldViolations.length > 0) throw new RekeyError('INVALID_ARGUMENT', { fieldViolations });
};
