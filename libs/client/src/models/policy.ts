import type { ResponseOf } from '../connection/transport.ts';
import {
  date,
  explanation,
  failureLimit,
  milliseconds,
  number,
  setDate,
  text,
  withoutUnset,
  type Explanation,
  type FailureLimit,
} from './values.ts';

/** A schedule by which keys are replaced. */
export interface RotationPolicy {
  /** `pol_` and 26 characters. */
  id: string;
  orgId: string;
  /** How many assistants the request listed; not set: all of the org. */
  assistantCount?: number;
  everyDays: number;
  window: RotationWindow;
  maxFailures?: FailureLimit;
  reason: string;
  requestId?: string;
  paused: boolean;
  createTime: Date;
  updateTime: Date;
  /** When its next window opens. Not set while paused. */
  nextDueTime?: Date;
  lastDueTime?: Date;
  lastBulkRotationId?: string;
  /** Why its next window cannot be computed: it replaces no key until then. */
  nextDueError?: Explanation;
  /** The principal that requested it; `local` without an access file. */
  requestedBy?: string;
}

export interface RotationWindow {
  /** Five fields: when a window opens. */
  cron: string;
  /** IANA, such as `Europe/Berlin`. */
  timeZone: string;
  lengthMs?: number;
}

type ProtoPolicy = ResponseOf<'RotationPolicyService', 'GetRotationPolicy'>;

export const toPolicy = (policy: ProtoPolicy): RotationPolicy =>
  withoutUnset<RotationPolicy>({
    id: policy.id,
    orgId: policy.orgId,
    assistantCount: number(policy.assistantCount),
    everyDays: policy.everyDays,
    window: toWindow(policy.window),
    maxFailures: failureLimit(policy.maxFailures),
    reason: policy.reason,
    requestId: text(policy.requestId),
    paused: policy.paused,
    createTime: setDate(policy.createTime),
    updateTime: setDate(policy.updateTime),
    nextDueTime: date(policy.nextDueTime),
    lastDueTime: date(policy.lastDueTime),
    lastBulkRotationId: text(policy.lastBulkRotationId),
    nextDueError: explanation(policy.nextDueError),
    requestedBy: text(policy.requestedBy),
  });

const toWindow = (window: ProtoPolicy['window']): RotationWindow =>
  withoutUnset<RotationWindow>({
    cron: window?.cron ?? '',
    timeZone: window?.timeZone ?? '',
    lengthMs: milliseconds(window?.length ?? null),
  });
