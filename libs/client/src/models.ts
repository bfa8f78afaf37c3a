/*
 * The contract's resources as a service uses them: times as Date, durations in ms, versions as number, and
 * nothing where nothing is set.
 * States and causes have the contract's names. What each field means in full stands in proto/rekey/v1.
 */
import type {
  BulkCounts,
  BulkItemState,
  BulkState,
  RotationState,
  SweepCounts,
  SweepState,
} from '@rekey/schema';

/** Why something failed or stands still, in the words of the error table. */
export interface Explanation {
  /** A stable code in UPPER_SNAKE_CASE, such as ASSISTANT_NOT_FOUND. */
  reason: string;
  message: string;
  /** What to do about it, in a sentence. */
  advice: string;
}

/** One accepted request to replace one assistant's secret key. */
export interface Rotation {
  /** `rot_` and 26 characters. */
  id: string;
  orgId: string;
  assistantId: string;
  /** SUCCEEDED, FAILED and CANCELLED are end states. */
  state: RotationState;
  /** Why it was asked for, as the caller said. */
  reason: string;
  requestId?: string;
  createTime: Date;
  /** When its first request to Invent was about to leave. */
  startTime?: Date;
  updateTime: Date;
  /** In end states only. */
  endTime?: Date;
  /** How many times a request to Invent was about to leave for it. */
  attemptCount: number;
  /** The key version that it published; when SUCCEEDED. */
  version?: number;
  /** How Rekey learned of that key; when SUCCEEDED. */
  cause?: 'ROTATION' | 'RECONCILIATION';
  /** Why it FAILED; before that, why the last attempt did not succeed. */
  error?: Explanation & { /** The HTTP status that Invent answered with. */ upstreamStatus?: number };
  /** While RECONCILING: what is being done about an outcome that is not known. */
  reconciliation?: Reconciliation;
  /** The bulk rotation that it is a part of. */
  bulkRotationId?: string;
  /**
   * Whether each consumer that may read the org has applied the version. When SUCCEEDED; of getRotation and
   * of waiting only.
   */
  consumers?: ConsumerReach[];
  /** No worker is live, so that nothing is done until one starts. Only of one that has not ended. */
  noLiveWorker?: true;
}

/** Whether a consumer has applied what is published. */
export interface ConsumerReach {
  /** The consumer's. */
  name: string;
  /**
   * PENDING: a live instance has not come so far. GONE: no instance is live. UNAPPLIED: a live instance could
   * not apply it, or it cannot be told whether it could.
   */
  state: 'ACKNOWLEDGED' | 'PENDING' | 'GONE' | 'UNAPPLIED';
}

export interface Reconciliation {
  sinceTime?: Date;
  nextReadTime?: Date;
  /** Reading back cannot succeed until somebody acts. */
  operatorNeeded: boolean;
  advice: string;
  /** Why the last read failed: a code. */
  readError?: string;
}

export interface RotationsPage {
  /** Newest first. May be fewer than asked for, or none, although more follow. */
  rotations: Rotation[];
  /** Not set on the last page. */
  nextPageToken?: string;
}

/**
 * How many may have failed, or be of unknown outcome, before a bulk rotation halts: a number, or a share of
 * all (0 to 100).
 */
export type FailureLimit = { count: number } | { percent: number };

/** A first few assistants, to look at before the others. */
export interface Canary {
  count: number;
  /** Whether it goes on by itself when all of them have succeeded. */
  continues: boolean;
  /**
   * With `continues`: only when every live consumer that may read the org has applied their keys. Until then
   * it is PAUSED, with CANARY_AWAITS_CONSUMERS.
   */
  awaitsConsumers?: boolean;
}

/** Many rotations that were asked for at once. */
export interface BulkRotation {
  /** `blk_` and 26 characters. */
  id: string;
  orgId: string;
  /**
   * COMPLETED, FAILED, CANCELLED and VALIDATED are end states. PAUSED and HALTED wait for somebody: see
   * `stop`.
   */
  state: BulkState;
  reason: string;
  requestId?: string;
  createTime: Date;
  startTime?: Date;
  updateTime: Date;
  endTime?: Date;
  urgent: boolean;
  /** A dry run. */
  validateOnly: boolean;
  /** Whether its assistants were named one by one. */
  explicit: boolean;
  search?: string;
  rotatedBefore?: Date;
  canary?: Canary;
  maxFailures?: FailureLimit;
  counts: BulkCounts;
  /** Why it is PAUSED, HALTED, FAILED or CANCELLED. */
  stop?: Explanation;
  /** Assistants a second that came to an end lately. */
  rate?: number;
  /** How long it will take from now on, in ms. */
  remainingMs?: number;
  /** Once it is known which assistants it has: requests to Invent, and how long they take, in ms. */
  estimate?: { requestCount: number; durationMs: number };
  /** In VERIFYING and COMPLETED: what the comparison with Invent at the end has found. */
  verification?: BulkVerification;
  /** What Invent's list of the org held. Not set if the assistants were named. */
  list?: BulkList;
  /** Newest first, ten at the most. */
  lastFailures: BulkFailure[];
  /** The policy that asked for it. */
  policyId?: string;
  /** No worker is live, so that nothing is done until one starts. Only of one that has not ended. */
  noLiveWorker?: true;
  /**
   * Whether each consumer that may read the org has applied all keys that it has replaced until now. Not in
   * lists.
   */
  consumers?: ConsumerReach[];
}

export interface BulkList {
  /** It does not agree with Invent's own count, or part of it could not be read. */
  incomplete: boolean;
  /** Distinct assistants that were listed. */
  listedCount: number;
  /** How many assistants Invent counts, if it says so. */
  inventCount?: number;
  /** Listed records that could not be read, or have no valid id. They are left out. */
  unreadableCount: number;
}

export interface BulkVerification {
  /** Published and in force, of those that succeeded or were shared. */
  verified: number;
  /** Another key was in force, and has been published. */
  repaired: number;
  /** Could not be compared; each is looked at again later. */
  unverified: number;
  /** Repaired or not verified: the first hundred. */
  differingAssistantIds: string[];
}

export interface BulkFailure {
  assistantId: string;
  reason: string;
  time: Date;
}

/** One assistant of a bulk rotation. */
export interface BulkItem {
  assistantId: string;
  state: BulkItemState;
  /** Why it FAILED. */
  error?: Explanation;
}

export interface BulkRotationsPage {
  /** Newest first. */
  bulkRotations: BulkRotation[];
  /** Not set on the last page. */
  nextPageToken?: string;
}

export interface BulkItemsPage {
  /** In the order in which they were given, or listed by Invent. */
  items: BulkItem[];
  /** Not set on the last page. */
  nextPageToken?: string;
}

/** The current key version of one assistant. */
export interface Assistant {
  assistantId: string;
  /** Only rises, with gaps. Drop what is not higher than what you hold. */
  version: number;
  cause: 'ROTATION' | 'RECONCILIATION' | 'DRIFT' | 'IMPORT' | 'ROLLBACK';
  rotationId?: string;
  /** When this version was published. */
  updateTime: Date;
  /** A keyed hash of the secret key. */
  fingerprint?: string;
  /** The whole upstream record as a JWE: docs/guides/events.md says how it is opened. */
  sealed?: string;
  /** Since when it is not known whether this version is still in force. */
  uncertainTime?: Date;
  /** Why there is no key any more; `fingerprint` and `sealed` are not set then. */
  removal?: 'NO_KEY' | 'DELETED';
}

/** A rule by which keys are replaced again and again. */
export interface RotationPolicy {
  /** `pol_` and 26 characters. */
  id: string;
  orgId: string;
  /** How many assistants were named; not set: all of the org. */
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
}

export interface RotationWindow {
  /** Five fields: when a window opens. */
  cron: string;
  /** IANA, such as `Europe/Berlin`. */
  timeZone: string;
  lengthMs?: number;
}

/** One comparison of everything upstream with what is published. */
export interface Sweep {
  /** `swp_` and 26 characters. */
  id: string;
  /** Not set: all that are configured. */
  orgId?: string;
  /** SUCCEEDED and FAILED are end states. */
  state: SweepState;
  createTime: Date;
  startTime?: Date;
  updateTime: Date;
  endTime?: Date;
  counts: SweepCounts;
  error?: Explanation;
}

/** A named service that reads keys. */
export interface Consumer {
  name: string;
  /** The orgs that it may read; `*` for all. */
  orgs: string[];
  /**
   * PENDING: no worker has taken notice of it yet. ENROLLING: what was published before is being sealed for
   * it. ACTIVE: it can open all that it may read.
   */
  state: 'PENDING' | 'ENROLLING' | 'ACTIVE';
  createTime: Date;
  /** `X25519`, `P-256` or `shared`. */
  keyType: string;
  /** The beginning of its key's thumbprint (RFC 7638). */
  keyId?: string;
  /** Those that run, and those that are gone for less than ten minutes; the last heard of first. */
  instances: ConsumerInstance[];
  /** Whether any instance is live. */
  live: boolean;
  /** How many events its slowest live instance has still to apply. 0 where none is live. */
  lagEvents: number;
  /** For how long the oldest of them has been waiting, in ms. */
  lagMs?: number;
}

/** One process of a consumer, as it says of itself. */
export interface ConsumerInstance {
  id: string;
  /** Whether it has reported within its lease, and is not leaving. */
  live: boolean;
  heardTime: Date;
  /** The id of the last entry of the event stream that it has applied, and the `seq` of that event. */
  position: string;
  seq: number;
  /** Of how many assistants it holds a key. */
  keyCount: number;
  /** What it should have applied and could not, since its last snapshot: how many, and the first 20. */
  unappliedCount: number;
  unapplied: UnappliedVersion[];
  /** What it has refused since it started, which no snapshot resets: how many, and the first 20. */
  refusedCount: number;
  refused: UnappliedVersion[];
}

export interface UnappliedVersion {
  assistantId: string;
  /** Not set where it could not be read. */
  version?: number;
  /** In its own words. */
  why: string;
}

/** How Rekey stands. */
/** One thing that needs an operator. */
export interface Attention {
  /** Stable, in UPPER_SNAKE_CASE, such as NO_WORKER. Further codes may come. */
  code: string;
  /** Absent if nobody knows. */
  sinceTime?: Date;
  /** The id or name of what is concerned; absent if it is Rekey as a whole. */
  subject?: string;
  message: string;
  advice: string;
}

export interface SystemStatus {
  /** What needs an operator, most urgent first; empty while all is clear. */
  attention: Attention[];
  /** Set while rotations are frozen. */
  frozen?: { sinceTime?: Date; reason: string };
  openRotationCount: number;
  failedRotationCount: number;
  openIntents: { orgId: string; count: number }[];
  /** Those that have been so for longest, 100 at the most. */
  uncertain: { assistantId: string; sinceTime?: Date }[];
  uncertainCount: number;
  /** Those that have been so for longest, 100 at the most. */
  quarantined: { assistantId: string; sinceTime?: Date; why: string }[];
  quarantinedCount: number;
  checkCount: number;
  /** The orgs that are held, longest first. */
  heldOrgs: HeldOrg[];
  /** Which org Invent's alias `c` stands for. Not set while nothing is known of it. */
  orgAlias?: OrgAlias;
}

/**
 * An org of which more has changed at Invent than may without an operator. Consumers keep what they hold
 * until Invent shows again what is known, or createSweep accepts it.
 */
export interface HeldOrg {
  orgId: string;
  sinceTime?: Date;
  /**
   * TOO_MANY_GONE, TOO_MANY_WITHOUT_KEY, TOO_MANY_CHANGED, ORG_CHANGED, KEYS_NOT_SHOWN. Further codes may
   * come.
   */
  reason: string;
  /** How many assistants were affected when it was last found so, and how many were known. */
  affectedCount: number;
  knownCount: number;
}

/** Which org Invent's alias `c`, the org of the API key, stands for. */
export interface OrgAlias {
  /** Not set while it is not known. */
  orgId?: string;
  /** `configured` (INVENT_ORG_ID) or `learned` (Invent has the same assistants under both names). */
  knownBy?: string;
  sinceTime?: Date;
  /** Why the evidence does not agree, and the orgs that it is about. Not set if it agrees. */
  conflict?: { why: string; orgIds: string[]; sinceTime?: Date };
}
