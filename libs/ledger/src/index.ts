export { openLedger, type Ledger } from './open-ledger.ts';
export { ledgerKeys, type Keys } from './keys.ts';
export type { Activity } from './activity/activity.ts';
export type { ActivityEntry } from './activity/activity-entry.ts';
export { createActivityFeed, type ActivityFeed } from './activity/activity-feed.ts';
export { commandNames, commandText } from './scripts/load.ts';
export { missingRights } from './scripts/missing-rights.ts';
export type { ArchiveFeed } from './archive/archive-feed.ts';
export { startArchiveWatch, type ArchiveWatch } from './archive/archive-watch.ts';
export type { Hold } from './assistants/hold.ts';
export type { Comparison } from './assistants/assistants.ts';
export type { CommitResult, KeyVersion, Sealed } from './assistants/key-version.ts';
export type { DueCheck } from './assistants/checks.ts';
export type { KeyFacts } from './assistants/published.ts';
export type { AssistantOrder, AssistantQuery } from './listing/pages/assistant-query.ts';
export type { PastVersion } from './listing/key-history.ts';
export type { ListedAssistant } from './listing/listed-assistant.ts';
export type { OrgCounts } from './listing/org-counts.ts';
export type { Claim, ClaimOptions, ClaimResult } from './rotations/claim.ts';
export type { NextRead } from './rotations/rotations.ts';
export type { OrgLimits } from './orgs/orgs.ts';
export { readOrgName } from './orgs/org-name.ts';
export type { AliasConflict, KnownAlias, OrgAlias } from './orgs/org-alias.ts';
export { slotKeepsMs, timeFor, type BudgetOptions, type Lane, type RequestBudget } from './budget/budget.ts';
export { IDS_A_CHUNK } from './bulks/bulk-ids.ts';
export type { BulkDraft } from './bulks/bulk-draft.ts';
export type { BulkCost as Takes } from './bulks/work/bulk-tasks.ts';
export type { BulkDraw, BulkRange, BulkWork, DrawOptions } from './bulks/work/bulk-work.ts';
export { listCostsLess, pagesOf, verifyRequests } from './bulks/work/request-estimate.ts';
export type { Bulks } from './bulks/bulks.ts';
export { createDistinctIds, type DistinctIds } from './bulks/distinct-ids.ts';
export type { Sweeps } from './sweeps/sweeps.ts';
export { nextOpening, openings } from './policies/openings.ts';
export type { Policies } from './policies/policies.ts';
export type { PolicyChanges } from './policies/policy-hash.ts';
export { createConsumerPositions, type ConsumerPositions } from './consumers/consumer-positions.ts';
export type { Consumers, Resealed } from './consumers/consumers.ts';
export {
  connectEvents,
  type Events,
  type EventsEnd,
  type StoredRecord,
  type StreamEntry,
} from './events/events.ts';
export type { SeenConsumer } from './registry/believed.ts';
export type { RegistryProblem } from './registry/problems.ts';
export type { Registry, RegistryEvent, RegistryOptions } from './registry/registry.ts';
export type { AccessToken } from './tokens/token-facts.ts';
export type { Tokens } from './tokens/tokens.ts';
export type { TrustCandidate } from './registry/trust.ts';
export type { AcknowledgementRefusal } from './consumers/intake.ts';
export { readRegistered } from './consumers/registered-consumers.ts';
export { probeAcknowledgements } from './consumers/stream-reader.ts';
export { repairQueues } from './queues/queue-damage.ts';
export { FOLLOW_UPS_QUEUE, POLICIES_QUEUE, ROTATIONS_QUEUE, SWEEPS_QUEUE } from './queues/queue-names.ts';
export {
  createPolicyQueue,
  createRotationQueue,
  createSweepQueue,
  keptJobs,
  whenPolicyOpens,
  type PolicyQueue,
  type RotationQueue,
  type SweepQueue,
} from './queues/queues.ts';
export { sweepDueWithinMs } from './system/attention/sweep-items.ts';
export { LOOK_AT_LEDGER_EVERY_MS, startLedgerWatch, type LedgerWatch } from './system/ledger-watch.ts';
export { startPresence } from './system/presence.ts';
export { isAnyRotating, processId, type Processes } from './system/processes.ts';
export type { System } from './system/system.ts';
export { createLedgerClock, type ClockDoubt, type LedgerClock } from './time/ledger-clock.ts';
