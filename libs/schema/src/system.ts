/** An assistant, since when (ms since 1970). Absent where its entry in the ledger cannot be read. */
export interface AssistantSince {
  assistantId: string;
  sinceMs?: number;
}

/** What an operator looks at first. Times are Redis time, in ms since 1970. */
export interface SystemStatus {
  /** Set while no rotation may send a request. Without a moment where that cannot be read. */
  frozen?: { sinceMs?: number; reason: string };
  rotations: { open: number; failed: number };
  /** POSTs whose outcome is open, of each org that has any, most first. */
  openIntents: { orgId: string; count: number }[];
  /** Assistants of which it is not known whether the published key is in force: the longest so, 100 at the most. */
  uncertain: AssistantSince[];
  uncertainCount: number;
  /** Assistants whose entry cannot be read, so that nothing is sent for them until somebody acts: the longest so, 100 at the most. */
  quarantined: (AssistantSince & { why: string })[];
  quarantinedCount: number;
  /** Assistants that are to be read and compared, now or later. */
  checksDue: number;
  /** Which org `c` stands for, and what speaks against it; absent while nothing is known of it. */
  orgAlias?: {
    orgId?: string;
    how?: 'configured' | 'learned';
    sinceMs?: number;
    conflict?: { sinceMs: number; why: string; orgIds: string[] };
  };
}
