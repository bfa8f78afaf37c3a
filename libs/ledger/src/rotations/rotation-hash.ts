import { Cause, RekeyError, RotationState, type Rotation } from '@rekey/schema';
import { z } from 'zod';
import { count, optional } from '../hash-fields.ts';

const RotationHash = z.object({
  org: z.string(),
  assistant: z.string(),
  state: RotationState,
  reason: z.string(),
  request: optional(z.string()),
  created: count,
  started: optional(count),
  updated: count,
  ended: optional(count),
  attempts: count,
  version: optional(count),
  cause: optional(Cause),
  error: optional(z.string()),
  status: optional(count),
  since: optional(count),
  next: optional(count),
  read_error: optional(z.string()),
  operator: optional(z.literal('1')),
  bulk: optional(z.string()),
  entry: optional(z.string()),
  requested_by: optional(z.string()),
});

/**
 * A rotation from its hash in Redis. Throws LEDGER_CORRUPT, which names the rotation and the invalid fields.
 */
export const parseRotation = (id: string, hash: Record<string, string>): Rotation => {
  const parsed = RotationHash.safeParse(hash);
  if (!parsed.success) {
    const fields = parsed.error.issues.map(({ path }) => path.join('.')).join(', ');
    throw new RekeyError('LEDGER_CORRUPT', { cause: new Error(`rotation ${id}: ${fields}`) });
  }
  const {
    org,
    assistant,
    bulk,
    request,
    created,
    started,
    updated,
    ended,
    error,
    status,
    since,
    next,
    read_error: readError,
    operator,
    requested_by: requestedBy,
    ...same
  } = parsed.data;
  const rotation = {
    ...same,
    id,
    orgId: org,
    assistantId: assistant,
    requestId: request,
    createdMs: created,
    startedMs: started,
    updatedMs: updated,
    endedMs: ended,
    errorCode: error,
    bulkId: bulk,
    upstreamStatus: status,
    requestedBy,
    ...(same.state === 'RECONCILING' && {
      uncertainSinceMs: since,
      nextReadMs: next,
      readErrorCode: readError,
      operatorNeeded: operator === '1' || undefined,
    }),
  };
  return Object.fromEntries(
    Object.entries(rotation).filter(([, value]) => value !== undefined),
  ) as unknown as Rotation;
};
