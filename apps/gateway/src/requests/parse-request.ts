import { RekeyError } from '@rekey/schema';
import type { z } from 'zod';
import { describeIssue, violationsOf, wireName } from './field-violations.ts';

/**
 * Parses a request. Throws INVALID_ARGUMENT with a violation for each invalid field; it never quotes a value.
 */
export const parseRequest = <T extends z.ZodType>(schema: T, request: unknown): z.output<T> => {
  const parsed = schema.safeParse(request, { error: describeIssue });
  if (parsed.success) return parsed.data;
  throw new RekeyError('INVALID_ARGUMENT', { fieldViolations: violationsOf(parsed.error) });
};

export const violation = (field: string, description: string): RekeyError =>
  new RekeyError('INVALID_ARGUMENT', { fieldViolations: [{ field: wireName(field), description }] });

type Given<T extends object> = { [K in keyof T]?: Exclude<T[K], undefined> };

/** The object without its undefined fields. */
export const given = <T extends object>(filter: T): Given<T> =>
  Object.fromEntries(Object.entries(filter).filter(([, value]) => value !== undefined)) as Given<T>;

/** Throws INVALID_ARGUMENT if a message after the first sets a field that only the first may set. */
export const checkFurtherMessage = (schema: z.ZodType, message: unknown): void => {
  const parsed = schema.safeParse(message);
  if (!parsed.success)
    throw violation(String(parsed.error.issues[0]!.path[0]), 'can be given in the first message only');
};
