export const bulkStates = [
  'PREPARING',
  'RUNNING',
  'PAUSED',
  'HALTED',
  'VERIFYING',
  'CANCELLING',
  'COMPLETED',
  'FAILED',
  'CANCELLED',
  'VALIDATED',
] as const;
export type BulkState = (typeof bulkStates)[number];

const endStates: ReadonlySet<BulkState> = new Set(['COMPLETED', 'FAILED', 'CANCELLED', 'VALIDATED']);
export const isBulkEnded = (state: BulkState): boolean => endStates.has(state);

export const bulkItemStates = [
  'WAITING',
  'ROTATING',
  'SUCCEEDED',
  'SHARED',
  'FAILED',
  'CANCELLED',
  'VALID',
] as const;
export type BulkItemState = (typeof bulkItemStates)[number];
