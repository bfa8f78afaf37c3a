/** An assistant as it is now. */
export interface AssistantState {
  orgId: string;
  secretKey: string | null;
  /** The previous key, for reads that lag behind. */
  previousKey: string | null;
  /** How often the key was rotated, by request or by hand. */
  rotations: number;
  updatedAt: string;
  deleted: boolean;
  /** Fields that override the record, for fields and values that no schema knows. */
  patch?: Record<string, unknown>;
}

/** The key of an assistant after a change, and when that happened. */
export interface KeyChange {
  secretKey: string | null;
  deleted: boolean;
  updatedAt: string;
  /** Unix time, with fractions of a ms. 0 for the state before the first change. */
  atMs: number;
  /**
   * `denied`: by a request whose answer said that it was refused. `restored`: from a backup; the key may be
   * an old one.
   */
  by: 'start' | 'request' | 'denied' | 'hand' | 'removed' | 'restored';
}

/** What survives a process. */
export interface KeptWorld {
  /** The seed of the keys of untouched assistants. */
  readonly seed: string;
  readonly touched: ReadonlyMap<string, AssistantState>;
  /** Called with an assistant that has changed. */
  keep(id: string, state: AssistantState): void;
}

/** When the assistants of the start, and their records, were created. */
export const CREATED_AT = '2026-01-05T08:00:00.000Z';

/** The current time, with a finer resolution than `Date.now()`: measurements against it take milliseconds. */
export const preciseNowMs = (): number => performance.timeOrigin + performance.now();
