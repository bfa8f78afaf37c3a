import { z } from 'zod';
import { rotationStates, type RotationState as State } from '../states/rotation-states.ts';
import { AssistantId, OrgId, RequestId, RotationId, StoredId } from './ids.ts';

export const RotationState = z.enum(rotationStates);
export type RotationState = State;

/** How Rekey learned of a key, as this version writes it. Stored causes may come from a later version. */
export const Cause = z.enum(['rotation', 'reconciliation', 'drift', 'import', 'rollback']);
export type Cause = z.infer<typeof Cause>;

const MAX_REASON_BYTES = 1024;
export const Reason = z
  .string()
  .refine(
    (s) => s.isWellFormed() && Buffer.byteLength(s) <= MAX_REASON_BYTES,
    `must be well-formed and at most ${MAX_REASON_BYTES} bytes`,
  )
  .refine((s) => !/[\p{Cc}\p{Zl}\p{Zp}]/u.test(s), 'must not contain control characters');

/** A request for one rotation. */
export const RotationRequest = z.object({
  orgId: OrgId,
  assistantId: AssistantId,
  requestId: RequestId.optional(),
  reason: Reason,
});
export type RotationRequest = z.infer<typeof RotationRequest>;

/**
 * An accepted request to replace the key of one assistant, as the ledger holds it. Times are Redis time, in
 * ms since 1970.
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
  /** How many times a worker was about to send a POST for this rotation. */
  attempts: number;
  /** The key version that ended it, and how Rekey learned of it. Only if SUCCEEDED. */
  version?: number;
  cause?: Cause;
  /** Why it FAILED, or why its last attempt did not succeed. A code of the error table. */
  errorCode?: string;
  /** The HTTP status that belongs to `errorCode`, if any. */
  upstreamStatus?: number;
  /** The event stream entry with its key; only if SUCCEEDED. */
  entry?: string;
  /** The bulk rotation that it belongs to. */
  bulkId?: string;
  /** Only while RECONCILING: since when, and when the worker reads the assistant next. */
  uncertainSinceMs?: number;
  nextReadMs?: number;
  /** Why the last read failed: a code of the error table. */
  readErrorCode?: string;
  /** Reading back needs operator action. */
  operatorNeeded?: boolean;
  /** The principal that requested it; absent of a bulk rotation, and if an earlier version stored it. */
  requestedBy?: string;
}

/** The BullMQ job of a rotation. It holds ids only: BullMQ stores jobs in clear text. */
export const RotationJob = z.strictObject({ rotationId: RotationId, orgId: StoredId, assistantId: StoredId });
export type RotationJob = z.infer<typeof RotationJob>;
