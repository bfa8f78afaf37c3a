export { DEFAULT_KEEP_EVENTS, createLedger, type Accepted, type Claim, type ClaimResult, type CommitResult, type KeyVersion, type Ledger, type ListFilter } from './ledger.ts';
export { ledgerKeys, type Keys } from './keys.ts';
export { FOLLOW_UPS_QUEUE, ROTATIONS_QUEUE, createRotationQueue, keptJobs, type RotationQueue } from './queues.ts';
