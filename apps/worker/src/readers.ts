import type { SharedKeys } from '@rekey/sealing';

/** The consumers that records are sealed for. */
export interface Readers {
  /** The keys of those that may read an org, and at which revision of the consumers that was so. */
  of(orgId: string): { keys: readonly SharedKeys[]; revision: number };
  /** Looks at the ledger again. */
  refresh(): Promise<void>;
}
