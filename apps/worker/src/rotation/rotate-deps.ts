import type { ByteRoom, InventClient } from '@rekey/invent';
import type { Claim, Ledger } from '@rekey/ledger';
import type { Logger } from '@rekey/runtime';
import type { ErrorCode } from '@rekey/schema';
import type { Publisher } from '../publishing/publisher.ts';
import type { Anchor, Clock } from '../shared/clock.ts';
import type { Meter } from '../metrics/meter.ts';
import type { Pacer } from '../shared/pacer.ts';
import type { RotateTiming } from './timing.ts';

export interface RotateDeps {
  ledger: Pick<Ledger, 'rotations' | 'assistants'>;
  invent: Pick<InventClient, 'rotateSecretKey' | 'getAssistant'>;
  /** Memory for long records, from their decoding until they are published. Unbounded if not given. */
  answers?: ByteRoom;
  publisher: Publisher;
  logger: Logger;
  clock: Clock;
  pacer: Pacer;
  meter: Meter;
  timing: RotateTiming;
  /** How many POSTs of an org may be in flight or have an unknown outcome at the same time. */
  maxOpenIntents: number;
  /** The same for all orgs together. */
  maxIntentsInAll: number;
  /** Why no POST may leave at present; undefined if one may. */
  holdBack: () => ErrorCode | undefined;
  /** Resolves with true once the intent is as durable as configured. Only then may the POST leave. */
  confirmDurable: () => Promise<boolean>;
  /** Aborts when the process stops: operations in flight finish, and nothing long begins. */
  stopping: AbortSignal;
}

/** What becomes of the job. */
export type Step =
  | { kind: 'done' }
  /** It runs again after this time. `frozen`: no other rotation can proceed either. */
  | { kind: 'retry'; inMs: number; frozen?: boolean }
  /** The ledger has no such rotation. */
  | { kind: 'missing' }
  /** Of a bulk rotation: its assistant is queued again, and no other of the org can proceed for a while. */
  | { kind: 'returned'; restMs: number };

/** A claim that this worker owns. */
export interface Held {
  claim: Claim;
  /** When the claim was requested, by this process's clock. Nothing that follows from it began earlier. */
  askedMs: number;
  /** When its slot was due; Infinity if the slot is to be used however late it came. */
  slotMs: number;
  anchor: Anchor;
}

/**
 * The same claim after its outcome was recorded as unknown: consumers were notified if a key was published.
 */
export const markedUncertain = (held: Held): Held => ({
  ...held,
  claim: { ...held.claim, uncertain: held.claim.versionBefore !== undefined },
});
