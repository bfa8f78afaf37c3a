import type { ArchiveStatus } from '../archive/archive.ts';
import type { Attention } from './attention.ts';

/** An assistant, and since when (ms since 1970). No time if its ledger entry cannot be read. */
export interface AssistantSince {
  assistantId: string;
  sinceMs?: number;
}

/** What a process does. Code that reads kinds and roles accepts unknown ones: later versions may add some. */
export const processRoles = ['rotating', 'sweeping', 'serving'] as const;

/**
 * A process of Rekey. Each reports itself to the ledger every few seconds. Times are Redis time, in ms since
 * 1970.
 */
export interface ProcessStatus {
  id: string;
  /** `worker`, `gateway`, or a kind of a later version. */
  kind: string;
  roles: string[];
  version: string;
  startedMs: number;
  seenMs: number;
  /** It reported within its lease, and has not announced its end. */
  live: boolean;
}

/** The result of the last full sweep that ended. */
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

/** The identity of the ledger. */
export interface LedgerStatus {
  /** Drawn when the ledger was created. Empty if no process of this version has seen the ledger. */
  id: string;
  begunMs?: number;
  /** When Rekey found that the previous ledger was lost. */
  lostMs?: number;
  /** What the ledger held when it was last known to be complete, if any process remembered. */
  before?: LedgerHoldings;
  now: LedgerHoldings;
}

export interface LedgerHoldings {
  assistants: number;
  consumers: number;
  policies: number;
}

/** A held org. Parts of its entry that cannot be read are absent. */
export interface HeldOrgStatus {
  orgId: string;
  sinceMs?: number;
  /** A stable code in UPPER_SNAKE_CASE. */
  code: string;
  affected?: number;
  known?: number;
}

/** The first thing that an operator reads. Times are Redis time, in ms since 1970. */
export interface SystemStatus {
  /**
   * What needs operator action, most urgent first. If it is empty, all is clear on the evidence of
   * `processes` and `lastSuccess`.
   */
  attention: Attention[];
  processes: ProcessStatus[];
  ledger: LedgerStatus;
  /** The last full sweep that ended, and the last one that SUCCEEDED. */
  lastSweep?: LastSweep;
  lastSuccess?: LastSweep;
  /** The sweep in progress. */
  runningSweep?: { id: string; startedMs?: number };
  /** Up to 100 bulk rotations that have not ended. */
  openBulks: OpenBulk[];
  /** Set while no rotation may send a request. `sinceMs` is absent if it cannot be read. */
  frozen?: { sinceMs?: number; reason: string; requestedBy?: string };
  /**
   * `open`: single rotations that have not ended, and assistants of bulk rotations that wait or rotate.
   * `waitingInBulks`: open ones in bulk rotations for which no request was sent.
   */
  rotations: { open: number; failed: number; waitingInBulks: number };
  /** POSTs with an open outcome, by org, highest count first. */
  openIntents: { orgId: string; count: number }[];
  /** Up to 100 assistants whose published key may no longer be in force, the longest uncertain first. */
  uncertain: AssistantSince[];
  uncertainCount: number;
  /**
   * Up to 100 assistants whose entry cannot be read, the longest quarantined first. Rekey sends nothing for
   * them until an operator repairs the entry.
   */
  quarantined: (AssistantSince & { why: string })[];
  quarantinedCount: number;
  /** Assistants to be read and compared, now or later. */
  checksDue: number;
  /**
   * Held orgs, longest first: more has changed at Invent than Rekey publishes without an operator. `affected`
   * and `known` count assistants.
   */
  heldOrgs: HeldOrgStatus[];
  /** Absent if nothing was ever archived, or if this process cannot verify what is reported. */
  archive?: ArchiveStatus;
  /** The org that `c` stands for, and any contradicting evidence; absent while nothing is known. */
  orgAlias?: {
    orgId?: string;
    how?: 'configured' | 'learned';
    sinceMs?: number;
    conflict?: { sinceMs: number; why: string; orgIds: string[] };
  };
}
