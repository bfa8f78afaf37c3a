import type { Faults } from '../faults/faults.ts';
import type { World } from '../world/world.ts';
import type { Counts } from './counts.ts';
import type { RequestLimit } from './request-limit.ts';

export interface ApiOptions {
  /** Called if a rotate request arrives while another one for the same assistant is in progress. */
  onConcurrent?: (assistantId: string) => void;
  world: World;
  faults: Faults;
  limit: RequestLimit;
  counts: Counts;
  latencyMs: number;
  /** The form of Retry-After in a 429. */
  retryAfter: 'seconds' | 'date' | 'none';
}
