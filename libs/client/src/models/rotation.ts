import type { RotationState } from './states.ts';
import type { ResponseOf } from '../connection/transport.ts';
import {
  consumerAcknowledgements,
  date,
  explanation,
  named,
  number,
  setDate,
  state,
  text,
  withoutUnset,
  type ConsumerAcknowledgement,
  type Explanation,
} from './values.ts';

/** One accepted request to replace one assistant's secret key. */
export interface Rotation {
  /** `rot_` and 26 characters. */
  id: string;
  orgId: string;
  assistantId: string;
  /** SUCCEEDED, FAILED and CANCELLED are end states. */
  state: RotationState;
  /** The caller's reason for the rotation. */
  reason: string;
  requestId?: string;
  createTime: Date;
  /** When Rekey was about to send the first request to Invent. */
  startTime?: Date;
  updateTime: Date;
  /** In end states only. */
  endTime?: Date;
  /** How many requests to Invent Rekey was about to send. */
  attemptCount: number;
  /** The published key version, if SUCCEEDED. */
  version?: number;
  /** How Rekey learned the key, if SUCCEEDED. */
  cause?: 'ROTATION' | 'RECONCILIATION';
  /** Why it FAILED; before that, why the last attempt did not succeed. */
  error?: RotationError;
  /** While RECONCILING: how Rekey resolves the unknown outcome. */
  reconciliation?: Reconciliation;
  /** The bulk rotation that it belongs to. */
  bulkRotationId?: string;
  /**
   * Whether each consumer that may read the org has applied the version. If SUCCEEDED; only getRotation and
   * waiting return it.
   */
  consumers?: ConsumerAcknowledgement[];
  /** No worker is live: the rotation is blocked until one starts. Never set in end states. */
  noLiveWorker?: true;
  /** The principal that requested it; not set of a bulk rotation, which has its own. */
  requestedBy?: string;
}

interface RotationError extends Explanation {
  /** The HTTP status that Invent answered with. */
  upstreamStatus?: number;
}

export interface Reconciliation {
  sinceTime?: Date;
  nextReadTime?: Date;
  /** Reading back cannot succeed until an operator acts. */
  operatorNeeded: boolean;
  advice: string;
  /** Why the last read failed: a code. */
  readError?: string;
}

type ProtoRotation = ResponseOf<'RotationService', 'GetRotation'>;

export const toRotation = (rotation: ProtoRotation): Rotation =>
  withoutUnset<Rotation>({
    id: rotation.id,
    orgId: rotation.orgId,
    assistantId: rotation.assistantId,
    state: state(rotation.state),
    reason: rotation.reason,
    requestId: text(rotation.requestId),
    createTime: setDate(rotation.createTime),
    startTime: date(rotation.startTime),
    updateTime: setDate(rotation.updateTime),
    endTime: date(rotation.endTime),
    attemptCount: rotation.attemptCount,
    version: number(rotation.version),
    cause: named(rotation.cause),
    error: rotation.error ? toRotationError(rotation.error) : undefined,
    reconciliation: rotation.reconciliation ? toReconciliation(rotation.reconciliation) : undefined,
    bulkRotationId: text(rotation.bulkRotationId),
    consumers: consumerAcknowledgements(rotation.consumers),
    noLiveWorker: rotation.noLiveWorker || undefined,
    requestedBy: text(rotation.requestedBy),
  });

const toRotationError = (error: NonNullable<ProtoRotation['error']>): RotationError =>
  withoutUnset<RotationError>({ ...explanation(error)!, upstreamStatus: number(error.upstreamStatus) });

const toReconciliation = (reconciliation: NonNullable<ProtoRotation['reconciliation']>): Reconciliation =>
  withoutUnset<Reconciliation>({
    sinceTime: date(reconciliation.sinceTime),
    nextReadTime: date(reconciliation.nextReadTime),
    operatorNeeded: reconciliation.operatorNeeded,
    advice: reconciliation.advice,
    readError: text(reconciliation.readError),
  });

/** A step of a rotation. */
export interface TimelineStep {
  kind:
    'ACCEPTED' | 'CLAIMED' | 'SENT' | 'UNKNOWN' | 'READ' | 'PUBLISHED' | 'ENDED' | 'ACKNOWLEDGED' | undefined;
  /** Not set if it is unknown, or has not happened. */
  time?: Date;
  /** Of ACKNOWLEDGED. */
  consumer?: string;
  /** Of ACKNOWLEDGED: whether the consumer has applied the version. */
  state?: ConsumerAcknowledgement['state'];
}

/** What happened to a rotation, and when, as far as it is known. */
export interface RotationTimeline {
  rotation: Rotation;
  /** In the order in which they happened; those without a time are last. */
  steps: TimelineStep[];
}

type ProtoTimeline = ResponseOf<'RotationService', 'GetRotationTimeline'>;

export const toRotationTimeline = ({ rotation, steps }: ProtoTimeline): RotationTimeline => ({
  rotation: toRotation(rotation!),
  steps: steps.map((step) =>
    withoutUnset<TimelineStep>({
      kind: named(step.kind),
      time: date(step.time),
      consumer: text(step.consumer),
      state: named(step.state),
    }),
  ),
});
