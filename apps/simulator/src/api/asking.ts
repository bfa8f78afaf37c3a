import type { View } from '../faults/faults.ts';
import type { Org } from './org.ts';

/** How a request is seen. */
export interface Asking {
  /** The views that match it. */
  views: readonly View[];
  /** Whether it bypasses caches. */
  asksAnew: boolean;
  /** The org id of the path, and the one that it stands for. */
  orgIds: readonly string[];
  /** The org behind those ids. */
  org: Org;
}
