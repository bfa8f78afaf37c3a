import type { Attention } from './attention.ts';

/** An assistant, since when (ms since 1970). Absent where its entry in the ledger cannot be read. */
export interface AssistantSince {
  assistantId: string;
  sinceMs?: number;
}

/**
 * What a process does. Further kinds of processes may come; readers tolerate kinds and roles that they do not
 * know.
 */
export const processRoles = ['rotating', 'sweeping', 'serving'] as const;

/**
 * A process of Rekey, as it reports itself to the ledger every few seconds. Times are Redis time, in ms since
 * 1970.
 */
export interface ProcessStatus {
  id: string;
  /** `worker`, `gateway`, or a kind to come. */
  kind: string;
  roles: string[];
  version: string;
  startedMs: number;
  seenMs: number;
  /** It was heard of within its lease, and has not said that it ends. */
  live: boolean;
}

/** What the last ended sweep of everything said. */
export interface LastSweep {
  id: string;
  state: 'SUCCEEDED' | 'FAILED';
  endedMs: number;
  compared: number;
  errorCode?: string;
}

/** A bulk rotation that has not ended. */
export interface OpenBulk {
  id: string;
  state: string;
  total: number;
  done: number;
}

/** The ledger's own identity. */
export interface LedgerStatus {
  /** Drawn when the ledger was begun; empty of one that no process of this version has seen. */
  id: string;
  begunMs?: number;
  /** Since when it is known that the ledger before this one vanished. */
  lostMs?: number;
  /** What the ledger held when it was last seen whole, if any process remembered. */
  before?: LedgerHoldings;
  now: LedgerHoldings;
}

export interface LedgerHoldings {
  assistants: number;
  consumers: number;
  policies: number;
}

/** An org that is held. Without what cannot be read of its entry. */
export interface HeldOrgStatus {
  orgId: string;
  sinceMs?: number;
  /** A stable code in UPPER_SNAKE_CASE. */
  code: string;
  affected?: number;
  known?: number;
}

/** What an operator looks at first. Times are Redis time, in ms since 1970. */
export interface SystemStatus {
  /**
   * What needs an operator, most urgent first. Empty: all clear, on the evidence of `processes` and
   * `lastSuccess`.
   */
  attention: Attention[];
  processes: ProcessStatus[];
  ledger: LedgerStatus;
  /** The last sweep of everything that ended, and the last one that SUCCEEDED. */
  lastSweep?: LastSweep;
  lastSuccess?: LastSweep;
  /** A sweep that is being made. */
  runningSweep?: { id: string; startedMs?: number };
  /** Bulk rotations that have not ended, 100 at the most. */
  openBulks: OpenBulk[];
  /** Set while no rotation may send a request. Without a moment where that cannot be read. */
  frozen?: { sinceMs?: number; reason: string };
  /**
   * `open`: single ones that have not ended, and the assistants of bulk rotations that wait or are under way.
   * `waitingInBulks`: those of them that no request was sent for.
   */
  rotations: { open: number; failed: number; waitingInBulks: number };
  /** POSTs whose outcome is open, of each org that has any, most first. */
  openIntents: { orgId: string; count: number }[];
  /**
   * Assistants of which it is not known whether the published key is in force: the longest so, 100 at the
   * most.
   */
  uncertain: AssistantSince[];
  uncertainCount: number;
  /**
   * Assistants whose entry cannot be read, so that nothing is sent for them until somebody acts: the longest
   * so, 100 at the most.
   */
  quarantined: (AssistantSince & { why: string })[];
  quarantinedCount: number;
  /** Assistants that are to be read and compared, now or later. */
  checksDue: number;
  /**
   * Orgs of which more has changed at Invent than may without an operator, longest first. `affected` and
   * `known` count assistants.
   */
  heldOrgs: HeldOrgStatus[];
  /** Which org `c` stands for, and what speaks against it; absent while nothing is known of it. */
  orgAlias?: {
    orgId?: string;
    how?: 'configured' | 'learned';
    sinceMs?: number;
    conflict?: { sinceMs: number; why: string; orgIds: string[] };
  };
}
