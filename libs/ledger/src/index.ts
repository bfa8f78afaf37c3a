export {
  createLedger,
  type Accepted,
  type Claim,
  type ClaimOptions,
  type ClaimResult,
  type CommitResult,
  type Comparison,
  type DueCheck,
  type Hold,
  type KeyFacts,
  type KeyVersion,
  type NextRead,
  type Recognised,
  type Sealed,
  type Ledger,
  type ListFilter,
  type LookResult,
  type OrgLimits,
} from './ledger.ts';
export { missingRights } from './scripts.ts';
export { ledgerKeys, type Keys } from './keys.ts';
export {
  FOLLOW_UPS_QUEUE,
  POLICIES_QUEUE,
  ROTATIONS_QUEUE,
  SWEEPS_QUEUE,
  createPolicyQueue,
  createRotationQueue,
  createSweepQueue,
  keptJobs,
  whenPolicyOpens,
  type PolicyQueue,
  type RotationQueue,
  type SweepQueue,
} from './queues.ts';
export { nextOpening, openings } from './openings.ts';
export { createSweeps, type SweepBegin, type Sweeps } from './sweeps.ts';
export { createSystem, type System } from './system.ts';
export { sweepDueWithinMs } from './attention.ts';
export {
  createProcesses,
  isAnyRotating,
  processId,
  type KnownProcess,
  type ProcessIdentity,
  type ProcessSettings,
  type Processes,
} from './processes.ts';
export { startPresence } from './presence.ts';
export { LOOK_AT_LEDGER_EVERY_MS, startLedgerWatch, type LedgerWatch } from './ledger-watch.ts';
export {
  createRequestBudget,
  slotKeepsMs,
  timeFor,
  type BudgetOptions,
  type Lane,
  type RequestBudget,
} from './budget.ts';
export { IDS_A_CHUNK, createBulks, type BulkDraft, type Bulks } from './bulks.ts';
export {
  createConsumerPositions,
  type ConsumerInstance,
  type ConsumerPositions,
} from './consumer-positions.ts';
export {
  createConsumers,
  type ConsumerRevisions,
  type Consumers,
  type Resealed,
  type SeenConsumer,
} from './consumers.ts';
export {
  createBulkWork,
  type BulkClaimResult,
  type BulkDraw,
  type BulkRange,
  type BulkWork,
  type BulkWorkOptions,
  type DrawOptions,
  type ItemClaim,
  type Takes,
} from './bulk-work.ts';
export { createDistinctIds, type DistinctIds } from './distinct-ids.ts';
export {
  createOrgAlias,
  type AliasConflict,
  type AliasSource,
  type KnownAlias,
  type Moved,
  type MoveResult,
  type NotedAlias,
  type OrgAlias,
  type UnderAlias,
} from './org-alias.ts';
export { readOrgName } from './org-name.ts';
export { createPolicies, type Policies, type PolicyBegin } from './policies.ts';
export type { PolicyChanges } from './policy-hash.ts';
export {
  createLedgerClock,
  type ClockDoubt,
  type LedgerClock,
  type LedgerClockOptions,
  type OwnClock,
} from './ledger-clock.ts';
export { commandText } from './scripts.ts';
