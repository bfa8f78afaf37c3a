import type { InventClient } from '@rekey/invent';
import type { Lane, Ledger } from '@rekey/ledger';
import type { Logger } from '@rekey/runtime';
import type { ErrorCode, SweepCounts } from '@rekey/schema';
import type { Publisher } from '../../publishing/publisher.ts';
import type { Anchor, Clock } from '../../shared/clock.ts';
import type { Pacer } from '../../shared/pacer.ts';
import type { CheckOptions, CheckResult } from '../checks/check-assistant.ts';
import { createListEvidence, type ListEvidence } from '../lists/list-evidence.ts';

export interface SweepDeps {
  ledger: Pick<Ledger, 'assistants' | 'orgs' | 'system'>;
  invent: Pick<InventClient, 'listAssistants'>;
  publisher: Publisher;
  check: (target: { orgId: string; assistantId: string }, options?: CheckOptions) => Promise<CheckResult>;
  clock: Clock;
  pacer: Pick<Pacer, 'take'>;
  logger: Logger;
  readLagMs: number;
}

/** The sweep of one org: its options, and its state. */
export interface OrgSweep {
  orgId: string;
  /** The lane of the request budget. */
  lane: Lane;
  anchor: Anchor;
  counts: SweepCounts;
  save: () => Promise<void>;
  /** An operator named this org: the sweep waits for what later reads have to confirm. */
  asked: boolean;
  /** Makes one more request to see whether upstream's count is too low. */
  thorough?: boolean;
  /** Called with the assistants that exist: each once, and one call after the other. */
  onPresent?: (assistantIds: string[]) => Promise<void>;
  /** Called for each assistant whose key in force was not the published one, and now is. */
  onRepaired?: (assistantId: string) => void;
  /** What the lists of this run have shown so far, and how far they are trusted. */
  evidence?: ListEvidence;
  /** Assistants that are read once the list has been judged. */
  later?: {
    /** Listed, and published under another org. */
    strays: Set<string>;
    /** Read, but without an answer that can be used. */
    unreadable: Map<string, ErrorCode>;
  };
}

/**
 * How many known assistants a sweep reads one by one because LIST does not show their keys, or is incomplete.
 * The same limit holds for assistants that were never published.
 */
export const READS_A_SWEEP = 100;

export const evidenceOf = async ({ ledger }: SweepDeps, run: OrgSweep): Promise<ListEvidence> => {
  if (run.evidence) return run.evidence;
  const limits = await ledger.orgs.limits(run.orgId);
  return (run.evidence ??= createListEvidence(limits, { reads: READS_A_SWEEP }));
};
