import type { BulkItem, BulkItemState, BulkRotation, BulkSpec, BulkState } from '@rekey/schema';

/** Many rotations at once, as callers ask for them and see them. Every method is one atomic command, or a read. */
export interface Bulks {
  /** Takes the ids of a bulk rotation that is to be made. What is not made within an hour leaves nothing behind. */
  draft(id: string): BulkDraft;
  /**
   * Makes it; from now on it happens. The same request id with the same arguments gives the one that was made first (`created` false), and the
   * draft is forgotten. Throws REQUEST_ID_REUSED, and REQUEST_ID_SPENT where the first one is no longer kept.
   */
  create(id: string, spec: BulkSpec, draft: BulkDraft): Promise<{ bulk: BulkRotation; created: boolean }>;
  /** Throws BULK_NOT_FOUND. */
  get(id: string): Promise<BulkRotation>;
  /** Newest first. `after` is the id of the last one seen; `next` is set where there may be more. */
  list(filter: { orgId?: string; state?: BulkState }, page: { size: number; after?: string }): Promise<{ bulks: BulkRotation[]; next?: string }>;
  /** In the order in which they were given, from an index on; `next` is where the next page begins. */
  items(id: string, filter: { state?: BulkItemState }, page: { size: number; from: number }): Promise<{ items: BulkItem[]; next?: number }>;
  /** These throw BULK_NOT_FOUND and BULK_STATE. All are safe to repeat. */
  pause(id: string): Promise<BulkRotation>;
  resume(id: string): Promise<BulkRotation>;
  cancel(id: string): Promise<BulkRotation>;
  retry(id: string): Promise<BulkRotation>;
}

/** The assistants of a bulk rotation, packed a thousand to a string as they come. */
export interface BulkDraft {
  readonly id: string;
  /** Ids must be valid. Those that came before are counted and left out. Throws INVALID_ARGUMENT where they are too many. */
  add(assistantIds: string[]): Promise<void>;
  /** Of those that upstream lists, not these. */
  exclude(assistantIds: string[]): Promise<void>;
  /** Writes what is left. Afterwards nothing may be added. */
  finish(): Promise<{ total: number; duplicates: number; excluded: number; digest: string }>;
  /** Forgets it. */
  drop(): Promise<void>;
}
