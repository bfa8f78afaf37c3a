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
} from './rotations/rotations.ts';
export { missingRights } from './scripts/scripts.ts';
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
} from './queues/queues.ts';
export { nextOpening, openings } from './policies/openings.ts';
export { createSweeps, type SweepBegin, type Sweeps } from './sweeps/sweeps.ts';
export { createSystem, type System } from './system/system.ts';
export { sweepDueWithinMs } from './system/attention.ts';
export {
  createProcesses,
  isAnyRotating,
  processId,
  type KnownProcess,
  type ProcessIdentity,
  type ProcessSettings,
  type Processes,
} from './system/processes.ts';
export { startPresence } from './system/presence.ts';
export { LOOK_AT_LEDGER_EVERY_MS, startLedgerWatch, type LedgerWatch } from './system/ledger-watch.ts';
export {
  createRequestBudget,
  slotKeepsMs,
  timeFor,
  type BudgetOptions,
  type Lane,
  type RequestBudget,
} from './budget/budget.ts';
export { IDS_A_CHUNK, createBulks, type BulkDraft, type Bulks } from './bulks/bulks.ts';
export {
  createConsumerPositions,
  type ConsumerInstance,
  type ConsumerPositions,
} from './consumers/consumer-positions.ts';
export {
  createConsumers,
  type ConsumerRevisions,
  type Consumers,
  type Resealed,
  type SeenConsumer,
} from './consumers/consumers.ts';
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
} from './bulks/bulk-work.ts';
export { createDistinctIds, type DistinctIds } from './bulks/distinct-ids.ts';
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
} from './orgs/org-alias.ts';
export { readOrgName } from './orgs/org-name.ts';
export { createPolicies, type Policies, type PolicyBegin } from './policies/policies.ts';
export {
  createLedgerClock,
  type ClockDoubt,
  type LedgerClock,
  type LedgerClockOptions,
  type OwnClock,
} from './time/ledger-clock.ts';
export { commandText } from './scripts/scripts.ts';
