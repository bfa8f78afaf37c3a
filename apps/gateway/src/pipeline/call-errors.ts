import { attempt } from '@rekey/rpc';
import { isRedisUnavailable, isRedisFull, isRedisNotPermitted } from '@rekey/runtime';
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
  TokenName,
  errorTable,
  type ErrorCode,
} from '@rekey/schema';
import type { z } from 'zod';

/**
 * The request fields that name something, and their names in `ErrorInfo.metadata`. Only valid values are
 * copied there: they are bounded and hold no secrets.
 */
const subjects: [field: string, schema: z.ZodType, name: string][] = [
  ['id', RotationId, 'rotation_id'],
  ['id', BulkId, 'bulk_rotation_id'],
  ['id', SweepId, 'sweep_id'],
  ['id', PolicyId, 'rotation_policy_id'],
  ['name', ConsumerName, 'consumer'],
  ['tokenName', TokenName, 'token_name'],
  ['orgId', OrgId, 'org_id'],
  ['assistantId', AssistantId, 'assistant_id'],
  ['requestId', RequestId, 'request_id'],
];

const subjectsOf = (request: unknown): Record<string, string> => {
  if (typeof request !== 'object' || request === null) return {};
  // An update names its resource in a message of its own (AIP-134).
  const { rotationPolicy: resource } = request as { rotationPolicy?: { id?: unknown } | null };
  const fields: Record<string, unknown> = { ...request, ...(resource && { id: resource.id }) };
  return Object.fromEntries(
    subjects.flatMap(([field, schema, name]) => {
      const parsed = Object.hasOwn(fields, field) ? schema.safeParse(fields[field]) : undefined;
      return parsed?.success ? [[name, String(parsed.data)]] : [];
    }),
  );
};

const fromRedis = (error: unknown): unknown => {
  if (isRedisFull(error)) return new RekeyError('REDIS_MEMORY_LOW', { cause: error });
  if (isRedisNotPermitted(error)) return new RekeyError('REDIS_NOT_PERMITTED', { cause: error });
  return isRedisUnavailable(error) ? new RekeyError('REDIS_UNAVAILABLE', { cause: error }) : error;
};

/**
 * The error of a call as its caller learns of it: errors of Redis become RekeyErrors, and the metadata of a
 * RekeyError names what the request was about. An error of another kind is returned as it is.
 */
export const toCallError = (error: unknown, request: unknown): unknown => {
  const known = fromRedis(error);
  return known instanceof RekeyError ? known.withMetadata(subjectsOf(request)) : known;
};

/** A call that has reached a limit of this gateway, or of its caller, is counted by that limit. */
const isRefusal = (code: ErrorCode): boolean =>
  (errorTable[code].grpc === 'RESOURCE_EXHAUSTED' &&
    code !== 'TOO_MANY_CALLS' &&
    code !== 'QUOTA_EXCEEDED' &&
    code !== 'TOO_MANY_FAILED_AUTHENTICATIONS') ||
  code === 'ORG_NOT_KNOWN';

/** The error of a call as its caller learns of it; counts it if the call was refused for want of room. */
export const countingRefusals =
  (onRefused: (code: ErrorCode) => void) =>
  (error: unknown, message: unknown): unknown => {
    const failure = toCallError(error, message);
    // The call is answered whether or not it could be counted.
    if (failure instanceof RekeyError && isRefusal(failure.code))
      attempt(
        () => onRefused(failure.code),
        () => {},
      );
    return failure;
  };
