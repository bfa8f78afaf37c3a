import { z } from 'zod';
import { AssistantId, OrgId, RequestId, RotationId, StoredId } from './ids.ts';

export const rotationStates = [
  'QUEUED',
  'ROTATING',
  'RECONCILING',
  'SUCCEEDED',
  'FAILED',
  'CANCELLED',
] as const;
export const RotationState = z.enum(rotationStates);
export type RotationState = z.infer<typeof RotationState>;

const endStates: ReadonlySet<RotationState> = new Set(['SUCCEEDED', 'FAILED', 'CANCELLED']);
export const isEnded = (state: RotationState): boolean => endStates.has(state);

/** How Rekey learned of a key: what it writes. What it reads back may hold a cause of a later version. */
export const Cause = z.enum(['rotation', 'reconciliation', 'drift', 'import', 'rollback']);
export type Cause = z.infer<typeof Cause>;

export const MAX_REASON_BYTES = 1024;
export const Reason = z
  .string()
  .refine(
    (s) => s.isWellFormed() && Buffer.byteLength(s) <= MAX_REASON_BYTES,
    `must be well-formed and at most ${MAX_REASON_BYTES} bytes`,
  )
  .refine((s) => !/[\p{Cc}\p{Zl}\p{Zp}]/u.test(s), 'must not contain control characters');

/** What a caller asks for when asking for one rotation. */
export const RotationRequest = z.object({
  orgId: OrgId,
  assistantId: AssistantId,
  requestId: RequestId.optional(),
  reason: Reason,
});
export type RotationRequest = z.infer<typeof RotationRequest>;

/**
 * One accepted request to replace one assistant's key, as the ledger holds it. Times are Redis time, in ms
 * since 1970.
 */
export interface Rotation {
  id: string;
  orgId: string;
  assistantId: string;
  state: RotationState;
  reason: string;
  requestId?: string;
  createdMs: number;
  startedMs?: number;
  updatedMs: number;
  endedMs?: number;
  /** How many times a POST was about to leave for this rotation. */
  attempts: number;
  /** The key version that ended it, and how that was learned. Only when SUCCEEDED. */
  version?: number;
  cause?: Cause;
  /** Why it FAILED; while it goes on, why the last attempt did not do it. A code of the error table. */
  errorCode?: string;
  /** The HTTP status that went with `errorCode`, where there was one. */
  upstreamStatus?: number;
  /** The entry of the event stream that its key stands in; only when SUCCEEDED. */
  entry?: string;
  /** The bulk rotation that it is a part of. */
  bulkId?: string;
  /** Only while RECONCILING: since when, and when the assistant is read next. */
  uncertainSinceMs?: number;
  nextReadMs?: number;
  /** Why the last read failed: a code of the error table. */
  readErrorCode?: string;
  /** Reading back cannot succeed until somebody acts. */
  operatorNeeded?: boolean;
}

/** The BullMQ job that carries a rotation. It holds ids and nothing else: BullMQ stores jobs in clear. */
export const RotationJob = z.strictObject({ rotationId: RotationId, orgId: StoredId, assistantId: StoredId });
export type RotationJob = z.infer<typeof RotationJob>;
