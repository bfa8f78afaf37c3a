import type { CommitResult, KeyVersion } from '@rekey/ledger';
import type { Finding } from './finding.ts';

export type Publication = Omit<KeyVersion, 'key' | 'sealed' | 'updatedMs'> & {
  finding: Finding;
  /** If it is the answer to a POST: when that answer arrived, by this process's clock. */
  answeredMs?: number;
};
export type PublishResult = Exclude<CommitResult, { kind: 'other-recipients' | 'confirmed' | 'before' }> & {
  /** The key was made before the rotation, or is an older one in force again: published, but no success. */
  satisfiesNone?: true;
};
