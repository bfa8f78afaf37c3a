import {
  AssistantId,
  BulkId,
  ConsumerName,
  OrgId,
  PolicyId,
  RekeyError,
  RequestId,
  RotationId,
  SweepId,
} from '@rekey/schema';
import type { z } from 'zod';

/**
 * The fields of requests that name something, and what they are called in `ErrorInfo.metadata`. Only valid
 * ones get there: they are bounded, and no place for secrets.
 */
const fields: [field: string, schema: z.ZodType, name: string][] = [
  ['id', RotationId, 'rotation_id'],
  ['id', BulkId, 'bulk_rotation_id'],
  ['id', SweepId, 'sweep_id'],
  ['id', PolicyId, 'rotation_policy_id'],
  ['name', ConsumerName, 'consumer'],
  ['orgId', OrgId, 'org_id'],
  ['assistantId', AssistantId, 'assistant_id'],
  ['requestId', RequestId, 'request_id'],
];

/** What a request names. */
const namedIn = (request: unknown): Record<string, string> => {
  if (typeof request !== 'object' || request === null) return {};
  const given = request as Record<string, unknown>;
  return Object.fromEntries(
    fields.flatMap(([field, schema, name]) => {
      const parsed = Object.hasOwn(given, field) ? schema.safeParse(given[field]) : undefined;
      return parsed?.success ? [[name, String(parsed.data)]] : [];
    }),
  );
};

/** The same error, which says in its metadata what the call was about. */
export const withNamed = (error: unknown, request: unknown): unknown =>
  error instanceof RekeyError ? error.withMetadata(namedIn(request)) : error;
