import type { Redis } from 'ioredis';
import { openActivity, type Activity } from './activity/activity.ts';
import { openArchiveFeed, type ArchiveFeed } from './archive/archive-feed.ts';
import type { ReadArchiveReport } from './archive/archive-status.ts';
import { openAssistants, type Assistants } from './assistants/assistants.ts';
import { openBudget, type BudgetOptions, type RequestBudget } from './budget/budget.ts';
import { openBulkWork, type BulkWork } from './bulks/work/bulk-work.ts';
import { openBulks, type Bulks } from './bulks/bulks.ts';
import { connectLedger } from './connection.ts';
import type { ConsumerPositions } from './consumers/consumer-positions.ts';
import { openConsumers, type Consumers } from './consumers/consumers.ts';
import type { Keys } from './keys.ts';
import { openListing, type Listing } from './listing/listing.ts';
import { openOrgAlias, type OrgAlias } from './orgs/org-alias.ts';
import { openOrgs, type Orgs } from './orgs/orgs.ts';
import { openPolicies, type Policies } from './policies/policies.ts';
import { openRotations, type Rotations } from './rotations/rotations.ts';
import { openRegistry } from './registry/open-registry.ts';
import type { Registry, RegistryOptions } from './registry/registry.ts';
import { openSweeps, type Sweeps } from './sweeps/sweeps.ts';
import { openProcesses, type Processes } from './system/processes.ts';
import { createIdentity } from './system/identity.ts';
import { openSystem, type System } from './system/system.ts';
import { openTokens, type Tokens } from './tokens/tokens.ts';

export interface LedgerOptions {
  /** Without the braces. */
  prefix: string;
  /** About how many events the stream keeps, asked at each that is added. Without it none is trimmed. */
  keepEvents?: () => number;
  /** The request budget that claims take their slots from; without it there is no limit. */
  budget?: BudgetOptions | undefined;
  requestIdTtlSeconds?: number;
  /** How many rotations may be open: in all, and of one org apart from those of bulk rotations. */
  maxOpenRotations?: { inAll: number; ofOrg: number };
  /** For how long reads have to agree that an assistant has no key before that is published. */
  confirmAfterMs?: number;
  /**
   * The share of an org's assistants that may be found without their key, or with another one, within ten
   * minutes before the org is held, in percent.
   */
  maxChangedPercent?: number;
  /** The progress of consumers, for the status of the system. */
  positions?: Promise<Pick<ConsumerPositions, 'slowest' | 'instancesOf' | 'unreadableForMs'>> | undefined;
  /** What proves the registry of consumers. Without it nobody is believed. */
  registry?: RegistryOptions;
  /** Reads what the worker that archives has signed. Without it the status says nothing of the archive. */
  readArchiveReport?: ReadArchiveReport | undefined;
  /** How long a process counts as live after it was last heard of. */
  processLeaseMs?: number;
}

/** The truth in Redis, by aggregate. While Redis is away all methods reject with ioredis's error. */
export interface Ledger {
  readonly keys: Keys;
  /** Who did what. */
  readonly activity: Activity;
  readonly rotations: Rotations;
  readonly assistants: Assistants;
  /** Lists of assistants, and what is known of their keys. */
  readonly listing: Listing;
  readonly orgs: Orgs;
  readonly alias: OrgAlias;
  /** Bulk rotations as callers see them. */
  readonly bulks: Bulks;
  /** Bulk rotations as workers draw, claim and save them. */
  readonly bulkWork: BulkWork;
  readonly sweeps: Sweeps;
  readonly policies: Policies;
  readonly consumers: Consumers;
  /** What is believed of the consumers, and why not. */
  readonly registry: Registry;
  /** Access tokens that Rekey has made. */
  readonly tokens: Tokens;
  readonly budget: RequestBudget;
  /** The streams as the worker that archives reads them. */
  readonly archive: ArchiveFeed;
  readonly processes: Processes;
  readonly system: System;
}

/** Only workers know how many events are to be kept: other processes add events, and trim none. */
const DEFAULT_KEEP_EVENTS = 10_000_000;
const DEFAULT_CONFIRM_AFTER_MS = 30_000;
const DEFAULT_MAX_CHANGED_PERCENT = 25;
const REQUEST_ID_TTL_SECONDS = 24 * 3600;
const NO_LIMIT = { inAll: Number.MAX_SAFE_INTEGER, ofOrg: Number.MAX_SAFE_INTEGER };

/**
 * Opens the ledger on a connection, which stays the caller's to close. Its scripts are defined there once.
 */
export const openLedger = (
  redis: Redis,
  {
    prefix,
    keepEvents = () => DEFAULT_KEEP_EVENTS,
    budget,
    requestIdTtlSeconds = REQUEST_ID_TTL_SECONDS,
    maxOpenRotations = NO_LIMIT,
    confirmAfterMs = DEFAULT_CONFIRM_AFTER_MS,
    maxChangedPercent = DEFAULT_MAX_CHANGED_PERCENT,
    positions,
    processLeaseMs,
    readArchiveReport,
    registry: registryOptions,
  }: LedgerOptions,
): Ledger => {
  const connection = connectLedger(redis, prefix);
  const identity = createIdentity(connection);
  const { knownId: ledgerId } = identity;
  const processes = openProcesses(
    connection,
    processLeaseMs === undefined ? {} : { leaseMs: processLeaseMs },
  );
  const registry = openRegistry(connection, registryOptions, {
    keepEvents,
    knownId: ledgerId,
    processes: processes.list,
  });
  const consumers = openConsumers(connection, registry);
  const alias = openOrgAlias(connection, registry);
  const archive = openArchiveFeed(connection);
  const system = openSystem(connection, {
    archive,
    readArchiveReport,
    identity,
    processes,
    consumers,
    registry,
    alias,
    positions,
  });
  return {
    keys: connection.keys,
    activity: openActivity(connection),
    rotations: openRotations(connection, {
      keepEvents,
      budget,
      ledgerId,
      requestIdTtlSeconds,
      maxOpenRotations,
    }),
    assistants: openAssistants(connection, { keepEvents, confirmAfterMs, maxChangedPercent }),
    listing: openListing(connection),
    orgs: openOrgs(connection, { maxChangedPercent }),
    alias,
    bulks: openBulks(connection),
    bulkWork: openBulkWork(connection, { budget, ledgerId }),
    sweeps: openSweeps(connection),
    policies: openPolicies(connection),
    consumers,
    registry,
    tokens: openTokens(connection, registry),
    budget: openBudget(connection, budget),
    archive,
    processes,
    system,
  };
};
