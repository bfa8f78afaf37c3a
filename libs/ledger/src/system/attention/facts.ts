import type { AssistantSince, HeldOrgStatus, LastSweep, LedgerStatus } from '@rekey/schema';
import type { DamagedQueueKey } from '../../queues/queue-damage.ts';
import type { RegistryProblem } from '../../registry/problems.ts';
import type { ArchiveFacts } from '../../archive/archive-status.ts';
import type { KnownProcess } from '../processes.ts';
import type { DamagedKey } from '../status/damage.ts';

/** What is known of the system at one moment. Times are Redis time, in ms since 1970. */
export interface SystemFacts {
  nowMs: number;
  processes: KnownProcess[];
  ledger: LedgerStatus;
  /** Keys that hold another type than their own. */
  damaged?: DamagedKey[];
  /** Hashes with a field that is longer than any that Rekey writes. */
  tooLong?: string[];
  /** Indexes of the open intents of an org with far more entries than may be open. */
  overfullIntents?: { key: string; count: number }[];
  /** When the stream of events was last replaced, because its ids were from the future. */
  eventsReplacedMs?: number;
  activityReplacedMs?: number;
  /** Keys with which BullMQ cannot work. */
  damagedQueues?: DamagedQueueKey[];
  /** The ledger's note of a clock that jumped, as JSON. */
  clockJump?: string;
  frozen?: { sinceMs?: number; reason: string; requestedBy?: string };
  /** The number of open rotations. */
  openRotations: number;
  budgets: { egress: string; sinceMs?: number; untilMs: number }[];
  heldOrgs: HeldOrgStatus[];
  /** Assistants whose key went back to an older one at Invent within the last day, and was not replaced. */
  rolledBack: AssistantSince[];
  /** Reads of these show an older key than the published one. `count`: of all. */
  stale: { first: (AssistantSince & { orgId?: string })[]; count: number };
  uncertain: { first: AssistantSince[]; count: number };
  /** Records that are too long to be read. `count`: of all. */
  tooLarge: { first: (AssistantSince & { orgId?: string })[]; count: number };
  quarantined: { first: (AssistantSince & { why: string })[]; count: number };
  /** Consecutive unknown outcomes, by org. */
  unknownsInARow: { orgId: string; count: number; atMs?: number }[];
  /**
   * The open intents of all orgs together; and when the POST of the middle one, of as many as may be open,
   * can no longer take effect.
   */
  intentsInAll?: { count: number; limit: number; middleLandsMs?: number };
  /** The number of rotations in the index of open ones; callers add to it one by one. */
  indexedRotations?: number;
  unreadableBulks: string[];
  stoppedBulks: { id: string; orgId: string; state: string; why: string; sinceMs?: number }[];
  /** Rotations of unknown outcome. */
  reconciling: {
    id: string;
    orgId: string;
    assistantId: string;
    sinceMs?: number;
    attempts: number;
    readErrorCode?: string;
    operatorNeeded: boolean;
  }[];
  /** The open rotation that has waited longest. */
  oldest?: { id: string; createdMs: number; state: string; errorCode?: string };
  /** Policies that are not paused, and have no next window. */
  unscheduledPolicies: { id: string; why: NotScheduled }[];
  overduePolicies: { id: string; dueMs: number }[];
  sweeps: {
    lastEnded?: LastSweep;
    lastSuccess?: LastSweep & { beganMs?: number };
    running?: { id: string; startedMs?: number };
  };
  /** When Redis was last found to have been restarted, or replaced. */
  restartedMs?: number;
  /** Undefined if this process does not follow their acknowledgements. */
  consumers?: {
    name: string;
    state: string;
    createdMs?: number;
    live: boolean;
    heardMs?: number;
    lagMs: number;
    lagEvents: number;
    unapplied: number;
  }[];
  /** For how long this process could not read them. `consumers` is undefined then. */
  acknowledgementsUnreadableMs?: number;
  unreadableConsumers: string[];
  /** `lagging`: workers that do not prove that they know what this process has known for a while. */
  registry?: { problems: RegistryProblem[]; lagging: string[] };
  archive?: ArchiveFacts;
  redis: { policy?: string; usedShare?: number; durable?: boolean; writesFail?: boolean };
}

export type NotScheduled = 'unreadable' | 'calendar' | 'missing';

export const POLICY_OVERDUE_MS = 600_000;
/** Workers schedule every minute what is not scheduled. */
export const POLICY_SCHEDULED_WITHIN_MS = 120_000;
