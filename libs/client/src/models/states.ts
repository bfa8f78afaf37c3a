import type { bulkItemStates, bulkStates, rotationStates, sweepStates } from '@rekey/schema';

/* From the names alone: with zod's types, every program that uses this package would need zod. */

export type RotationState = (typeof rotationStates)[number];
export type BulkState = (typeof bulkStates)[number];
export type BulkItemState = (typeof bulkItemStates)[number];
export type SweepState = (typeof sweepStates)[number];
